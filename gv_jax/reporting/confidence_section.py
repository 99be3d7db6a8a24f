"""The section of a report on how far the confidence of a classifier can be trusted."""

from collections.abc import Mapping
from typing import Any

from gv_jax.evaluation.splits import SPLIT_TITLES
from gv_jax.reporting.formatting import format_value
from gv_jax.reporting.page import Cell, Grid, Section, Table, Text
from gv_jax.wording import count_noun

PRECISION_CAPTION = (
    "Lowest confidence from which on predictions have a precision, as gv-jax predict --precision "
    "chooses it: there, the lower end of the 95 % CI of the accuracy on the validation images is "
    "the precision. Accepted images and their accuracy are of the {split} split."
)


def confidence_sections(results: Mapping[str, Any]) -> list[Section]:
    """The section, if the run was calibrated; else none.

    Args:
        results: The content of results.json.
    """
    confidence = results.get("confidence", {})
    if "temperature" not in confidence:
        return []
    texts = [describe_temperature(confidence)]
    if confidence.get("sets"):
        texts.append(describe_sets(confidence))
    if "max_distance" in confidence:
        texts.append(describe_novelty(confidence))
    tables = [precision_table(confidence)] if confidence.get("precision") else []
    blocks = [*map(Text, texts), *([Grid(tables)] if tables else [])]
    return [Section("Confidence", blocks)]


def describe_temperature(confidence: Mapping[str, Any]) -> str:
    """The temperature, and the calibration error before and after; else why it is not fitted."""
    if problem := confidence.get("not_fitted"):
        text = f"Confidences are those of the network (temperature 1): {problem}."
        if "ece" not in confidence:
            return text
        error = format_value("ece", confidence["ece"])
        return f"{text} Expected calibration error on the {describe_split(confidence)}: {error}."
    images = count_noun(confidence["fitted_to"], "validation image")
    text = (
        f"Confidences are calibrated by the temperature {confidence['temperature']:.2f}, fitted to "
        f"{images} (Guo et al. 2017)."
    )
    if "ece" not in confidence:
        return text
    before, after = (format_value("ece", confidence[name]) for name in ("uncalibrated_ece", "ece"))
    return (
        f"{text} Expected calibration error on the {describe_split(confidence)}: {before} before, "
        f"{after} after."
    )


def describe_split(confidence: Mapping[str, Any]) -> str:
    """The split that measures, and how."""
    split = f"{SPLIT_TITLES[confidence['measured_on']].lower()} split"
    return f"{split}{' (by cross-validation)' if confidence['cross_validated'] else ''}"


def describe_sets(confidence: Mapping[str, Any]) -> str:
    """The coverage of the prediction sets."""
    sets = confidence["sets"]
    low, high = 100 * sets["coverage_low"], 100 * sets["coverage_high"]
    return (
        f"Prediction sets of level {100 * sets['level']:.0f} % contain the true class of "
        f"{sets['covered']:,} of {count_noun(sets['count'], 'image')} "
        f"({100 * sets['coverage']:.1f} %, 95 % CI {low:.1f}\N{EN DASH}{high:.1f}) of the "
        f"{describe_split(confidence)}; they have {sets['mean_size']:.2f} classes on average."
    )


def describe_novelty(confidence: Mapping[str, Any]) -> str:
    """From which distance on an image is flagged."""
    percent = f"{100 * confidence['false_positives']:.0f} %"
    return (
        "An image is flagged as unfamiliar if its features are farther from those of the training "
        f"images than {confidence['max_distance']:.3f}, a distance that {percent} of the "
        "validation images exceed (Sun et al. 2022)."
    )


def precision_table(confidence: Mapping[str, Any]) -> Table:
    """Confidence thresholds by precision."""
    header = ("Precision", "Confidence from", "Accepted images", "Accuracy of these")
    names = ("requested_precision", "min_confidence", "accepted", "accuracy")
    rows = [
        [Cell(format_value(name, row[name]), numeric=True) for name in names]
        for row in confidence["precision"]
    ]
    split = SPLIT_TITLES[confidence["measured_on"]].lower()
    return Table(header, rows, PRECISION_CAPTION.format(split=split))
