"""The model card of an exported run: data, results, uses, limits, licenses, and how to load it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from gv_jax.evaluation.class_metrics import wilson_interval
from gv_jax.evaluation.generation.evaluation import KINDS
from gv_jax.export.snippets import load_section
from gv_jax.inference.classifier import ClassifierRun
from gv_jax.inference.generation.generator_run import GeneratorRun
from gv_jax.inference.run import Run
from gv_jax.models.pretrained.weights_record import recorded_license
from gv_jax.reporting.formatting import format_number
from gv_jax.wording import count_noun

SPLITS = ("train", "valid", "test")
SMALL_SPLIT = 200  # images; of fewer, the card notes that metrics are imprecise
MAX_CLASSES = 100  # listed

USES = {
    "classification": "Sorting images of the classes above, of the kind that it was trained on.",
    "multi_label": "Labeling images with the labels above, of the kind that it was trained on.",
    "colorization": "Suggesting colors for gray images of the kind that it was trained on.",
    "super_resolution": "Doubling the size of images of the kind that it was trained on.",
    "generation": "Making new images of the classes above, such as drafts of textures of a game.",
}
LIMITS = {
    "classification": (
        "Every image gets one of the classes, also one that shows none of them.",
        "Images of another style, source or size than the training images can be classified worse "
        "than measured here.",
    ),
    "multi_label": (
        "It knows no other labels than those above.",
        "Images of another style, source or size than the training images can be labeled worse "
        "than measured here.",
    ),
    "colorization": (
        "The colors are estimates: a gray image does not contain those of the original.",
        "Give images at about the scale of the training images: objects of another size are "
        "colored worse. `gv-jax colorize` resizes them and transfers the colors to full size.",
    ),
    "super_resolution": (
        "Details that the small image does not show are invented.",
        "The training images were reduced by an antialiased bicubic filter; other reductions and "
        "compressed images are enlarged worse.",
    ),
    "generation": (
        "All outputs are generated. State that where you publish them; `gv-jax generate` writes it "
        "into its files.",
        "It knows no other classes than those above, and one size of images.",
        "Outputs may resemble training images, whose license may then hold for them.",
    ),
}


def write_card(run: Run, format_name: str, folder: Path) -> str:
    """README.md of an export, Markdown.

    Args:
        run: The run.
        format_name: Of the export.
        folder: With its other files.
    """
    sections = [
        front_matter(run),
        f"# {run.name}",
        run.results.get("summary", f"A {run.results['model']} of task {run.task}."),
        load_section(run, format_name, folder),
        "## Data\n\n" + list_items(describe_data(run)),
        "## Results\n\n" + results_table(run),
        calibration_section(run),
        f"## Intended use\n\n{USES[run.task]} Not tested for decisions about people, "
        "nor for uses in which an error causes harm.",
        "## Limitations\n\n" + list_items(describe_limits(run)),
        "## Licenses\n\n" + list_items(describe_licenses(run)),
        "## Origin\n\n" + list_items(describe_origin(run)),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def list_items(items: Iterator[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def front_matter(run: Run) -> str:
    """The header that model hubs read."""
    tags = {
        "classification": "image-classification",
        "multi_label": "image-classification",
        "colorization": "image-to-image",
        "super_resolution": "image-to-image",
        "generation": "unconditional-image-generation",  # hubs have no tag for classes as input
    }
    return f"---\nlicense: unknown\npipeline_tag: {tags[run.task]}\ntags: [gv_jax, jax]\n---"


def describe_data(run: Run) -> Iterator[str]:
    data, results = run.config["data"], run.results
    yield f"Data set: {results.get('dataset', data['name'])}"
    counts = {split: results[split].get("count") for split in SPLITS if split in results}
    if counts:
        yield "Images: " + ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    if isinstance(run, ClassifierRun):
        height, width = run.image_size
        channels = count_noun(run.channels, "channel")
        yield f"Input: {width}x{height} pixels, {channels}, 8 bits per channel"
        yield from describe_classes(run.classes)
    if isinstance(run, GeneratorRun):
        height, width = run.generator.size
        channels = count_noun(run.generator.task.channels, "channel")
        yield f"Output: {width}x{height} pixels, {channels}, 8 bits per channel"
        yield from describe_classes(run.classes)
        if tileable := run.config["generation"]["tileable"]:
            yield f"Repeat without a seam: {', '.join(tileable)}"
    for warning in results.get("warnings", ()):
        yield f"Note: {warning}"


def describe_classes(classes: Sequence[str]) -> Iterator[str]:
    others = len(classes) - MAX_CLASSES
    more = f" and {others} more, see config.json" if others > 0 else ""
    yield f"{len(classes)} classes: {', '.join(classes[:MAX_CLASSES])}{more}"


def results_table(run: Run) -> str:
    """Main metrics of every split and of the baseline."""
    results = run.results
    splits = [split for split in SPLITS if split in results]
    names = [
        name
        for name in run.task_functions.metric_names
        if any(isinstance(results[split].get(name), int | float) for split in splits)
    ]
    if not names:
        return "This run records no results."
    baseline = results.get("baseline") or {}
    main = results.get("main_split", splits[-1])
    of_baseline = baseline.get(main) if isinstance(baseline, dict) else None
    header = ["metric", *splits]
    label = ""
    if isinstance(of_baseline, dict):
        label = f"baseline ({baseline.get('name', 'baseline')}), {main}"
        header.append(label)
    rows = [header, ["---"] * len(header)]
    for name in names:
        row = [name, *(format_value(results[split], name) for split in splits)]
        rows.append(row + ([format_value(of_baseline, name)] if label else []))
    note = "In brackets: 95 % confidence interval (Wilson), images counted as independent."
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{table}\n\n{note}" if "accuracy" in names else table


def format_value(metrics: Any, name: str) -> str:
    """A metric; an accuracy with its interval."""
    value = metrics.get(name) if isinstance(metrics, dict) else None
    if not isinstance(value, int | float):
        return ""
    text = format_number(value)
    if name == "accuracy" and (count := metrics.get("count")):
        low, high = wilson_interval(round(value * count), count)
        text += f" ({low:.3f}\N{EN DASH}{high:.3f})"
    return text


def calibration_section(run: Run) -> str:
    """How the probabilities of a classifier are calibrated."""
    if not isinstance(run, ClassifierRun):
        return ""
    temperature = run.confidence.temperature
    problem = (run.results.get("confidence") or {}).get("not_fitted", "the run has no temperature")
    text = f"Probabilities are not calibrated: {problem}."
    if temperature != 1:
        text = (
            f"Logits are divided by the temperature {temperature:.4g}, fitted on the validation "
            "split."
        )
    calibration = run.results.get("calibration") or {}
    if isinstance(error := calibration.get("ece"), int | float):
        text += (
            f" Expected calibration error of the {run.results['main_split']} split: {error:.4f}."
        )
    return f"## Calibration\n\n{text}"


def describe_limits(run: Run) -> Iterator[str]:
    yield from LIMITS[run.task]
    main = run.results.get("main_split", "test")
    count = (run.results.get(main) or {}).get("count")
    if count and count < SMALL_SPLIT:
        yield f"The {main} split has {count_noun(count, 'image')}: its metrics are imprecise."
    leaks = (run.results.get("audit") or {}).get("leaks") or {}
    for split, found in leaks.items():
        counts = found if isinstance(found, dict) else {}
        copies = " and ".join(
            f"{count} {kind}" for kind, count in counts.items() if isinstance(count, int) and count
        )
        if copies:
            yield f"Copies of images of the {split} split are in the training split: {copies}."
    if run.task == "generation":
        yield describe_copies(run.results)
    if run.task == "colorization":
        others = [k for k in ("blur", "noise", "jpeg") if run.config["degrade"].get(k)]
        if others:
            yield (
                f"Training degraded the gray images ({', '.join(others)}); this file does not, "
                "and expects images that are."
            )


def describe_copies(results: Mapping[str, Any]) -> str:
    """How many generated images are near copies of a training image, beside held-out images."""
    copies = results[results["main_split"]].get("copies") if "main_split" in results else None
    if copies is None:
        return "How many outputs are near copies of a training image was not measured."
    rows = {row["images"]: row for row in results["comparison"]}
    text = (
        f"{copies:.1%} of {count_noun(results['generated_count'], 'output')} are near copies of a "
        f"training image, as are {rows[KINDS['real']]['copies']:.1%} of held-out images."
    )
    return text.replace("%", " %")


def describe_licenses(run: Run) -> Iterator[str]:
    """What is known; the license of a trained model depends on both."""
    dataset = run.results.get("dataset", run.config["data"]["name"])
    yield f"Images ({dataset}): unknown; not recorded by the run. Ask where they are from."
    pretrained = run.config["model"].get("pretrained")
    if weights := run.results.get("weights"):
        yield f"Initial weights ({weights['source']}): {describe_license(weights)}."
    elif pretrained:
        yield f"Initial weights ({pretrained}): unknown; not recorded by the run."
    else:
        yield "Initial weights: none; trained from random ones."
    yield "License of these weights: unknown until whoever trained them chooses one."


def describe_license(record: Mapping[str, str]) -> str:
    """The recorded license of weights, and what it restricts or where to read it."""
    license = recorded_license(record)
    if not license.ids:
        return "unknown; no card of the weights states one"
    details = license.restriction or license.link
    return f"{license}; {details}" if details else str(license)


def describe_origin(run: Run) -> Iterator[str]:
    from gv_jax.training.run_dir import RunDir

    metadata = RunDir(run.path).metadata
    parameters = run.results.get("parameters")
    count = parameters.get("total") if isinstance(parameters, dict) else None
    number = f", {count:,} parameters" if count else ""
    yield f"Model: {run.results['model']}{number}"
    versions = {k: v for k, v in (metadata.get("versions") or {}).items() if v}
    yield "Trained with " + ", ".join(f"{name} {version}" for name, version in versions.items())
    yield f"Exported with JAX {jax.__version__}"
    if command := metadata.get("command"):
        yield f"Command: `{shlex.join(command)}`"
    if commit := metadata.get("git_commit"):
        yield f"Commit: {commit}"
    yield f"Seed: {run.results.get('seed', run.config['seed'])}"
