"""Writes run directories of finished runs without training."""

from pathlib import Path
from typing import Any

import numpy as np
import optax
from flax import nnx

from gv_jax import models
from gv_jax.config import default
from gv_jax.data.record import DataRecord
from gv_jax.models.diffusion.flow_inputs import REGION
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.layouts import stack_layouts
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule, init_train_state


def write_run(path: Path, model: nnx.Module, fields: dict[str, Any], results: dict) -> Path:
    """A finished run of `model` with its initial weights.

    Args:
        path: The run directory.
        model: The network.
        fields: Fields of the resolved config that differ from the defaults, by dotted name.
        results: results.json.
    """
    config = default.get_config()
    config.update_from_flattened_dict(
        {"task": results["task"], "data.interpolation": "bilinear", **fields}
    )
    run_dir = RunDir(path)
    run_dir.open(config.to_dict(), DataRecord("", (), {}, {}, {}))
    network = SplitModule.from_module(model)
    weights = {"params": network.params, "batch_stats": network.batch_stats}
    with Checkpoints(run_dir.checkpoints) as checkpoints:
        state = init_train_state(network, optax.identity(), ema=False)
        checkpoints.save(1, state, weights, {})
    run_dir.write_results(results)
    (path / "report.html").write_text("")  # written last by a run
    return path


def write_colorization_run(path: Path, **fields: Any) -> Path:
    """A run for images of 16x24 pixels; regression of a and b."""
    model = models.build("alpha", inputs=1, classes=2, rngs=nnx.Rngs(0))
    results = {"task": "colorization", "model": "alpha", "color_head": None, "channels": 2}
    changes = {"data.size": (16, 24), "color_head.name": "mse", "model.name": "alpha"}
    return write_run(path, model, changes | fields, results)


def write_super_resolution_run(path: Path) -> Path:
    """A run for RGB images."""
    model = models.build("ninasr_b0", inputs=3, rngs=nnx.Rngs(0))
    results = {"task": "super_resolution", "model": "ninasr_b0"}
    return write_run(path, model, {"model.name": "ninasr_b0"}, results)


def write_classification_run(path: Path, num_classes: int = 3, **fields: Any) -> Path:
    """A run for images of 16x24 pixels; with "data.channels", of as many channels."""
    channels = fields.get("data.channels", 3)
    model = models.build(
        "two_layer", inputs=channels, classes=num_classes, size=(16, 24), rngs=nnx.Rngs(0)
    )
    task = fields.pop("task", "classification")
    classes = ["red", "green", "blue", "gray"][:num_classes]
    results = {"task": task, "model": "two_layer", "classes": classes, "image_size": [16, 24]}
    changes = {
        "data.size": (16, 24),
        "data.mean": (0.5,),
        "data.std": (0.25,),
        "data.crop_pct": 1.0,
        "model.name": "two_layer",
    }
    return write_run(path, model, changes | fields, results)


def write_generation_run(path: Path, **fields: Any) -> Path:
    """A run for RGBA images of 16x16 pixels of the classes "brick", which tiles, and "hero"."""
    classes = ["brick", "hero"]
    model = models.build("velocity_unet", inputs=4, classes=len(classes), rngs=nnx.Rngs(0))
    results = {
        "task": "generation",
        "dataset": "tiny",
        "model": "velocity_unet",
        "classes": classes,
        "alpha": {"brick": "opaque", "hero": "binary"},
        "train_counts": {"brick": 30, "hero": 10},
        "image_size": [16, 16],
    }
    if count := fields.get("generation.layouts"):
        rng = np.random.default_rng(0)
        colors = rng.integers(0, 256, (2, count, 16 // REGION, 16 // REGION, 4), np.uint8)
        results["layouts"] = stack_layouts(list(colors)).to_results(classes)
    changes = {
        "data.size": (16, 16),
        "data.channels": 4,
        "data.crop_pct": 1.0,
        "model.name": "velocity_unet",
        "generation.tileable": ("brick",),
        "generation.steps": 2,
    }
    return write_run(path, model, changes | fields, results)
