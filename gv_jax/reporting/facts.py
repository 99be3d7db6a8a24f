"""Short facts on a run, for the top of its report."""

from collections.abc import Mapping
from typing import Any

from gv_jax.evaluation.splits import SPLIT_TITLES
from gv_jax.models.pretrained.weights_record import recorded_license
from gv_jax.reporting.formatting import format_tta, format_value
from gv_jax.reporting.probe_section import is_probe
from gv_jax.wording import count_noun


def run_facts(results: Mapping[str, Any], metadata: Mapping[str, Any]) -> list[str]:
    """Size of model and data, training time, device and seed.

    Args:
        results: The content of results.json.
        metadata: The content of config.json.
    """
    facts = []
    config = metadata.get("config", {})
    if config.get("recipe_reason"):
        facts.append(f"recipe {config['recipe']}: {config['recipe_reason']}")
    counts = results.get("parameters", {})
    if counts:
        trainable = counts.get("trainable", counts["total"])
        note = "" if trainable == counts["total"] else f" ({trainable:,} trainable)"
        facts.append(f"{count_noun(counts['total'], 'parameter')}{note}")
    sizes = [
        f"{results[split]['count']:,} {split}"
        for split in SPLIT_TITLES
        if "count" in results.get(split, {})
    ]
    if sizes:
        facts.append(f"images: {', '.join(sizes)}")
    if "train_s" in results.get("timing", {}):
        verb = "fitted in" if is_probe(results) else "trained for"
        facts.append(f"{verb} {format_value('train_s', results['timing']['train_s'])}")
    if is_probe(results):
        training = results["training"]
        facts.append(f"{training['method']} probe, L2 penalty {training['penalty']:g}")
    if any(results.get("tta", {}).values()):
        facts.append(f"test-time augmentation: {format_tta(**results['tta'])}")
    if weights := results.get("weights"):
        facts.append(f"weights {weights['source']}, license {recorded_license(weights)}")
    if metadata.get("device"):
        facts.append(f"on {metadata['device']}")
    return [*facts, f"seed {metadata.get('seed', results.get('seed'))}"]
