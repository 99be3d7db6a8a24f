"""Exports a finished run: the files of a format, and a model card."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors.numpy import save

from gv_jax.errors import UserError
from gv_jax.export.card import write_card
from gv_jax.export.folder import check_output, write_folder
from gv_jax.export.function import make_image_function
from gv_jax.export.onnx_file import to_onnx_file
from gv_jax.export.stablehlo import require, to_stablehlo
from gv_jax.export.web import write_page
from gv_jax.export.weights import to_state_dict
from gv_jax.inference.classifier import ClassifierRun
from gv_jax.inference.generation.generator_run import GeneratorRun
from gv_jax.inference.run import Run, load_run

CARD, CONFIG = "README.md", "config.json"


def export_run(
    path: Path, format_name: str, output: Path | None = None, ort_dir: Path | None = None
) -> Path:
    """Writes a new folder with an exported run; the folder.

    Args:
        path: The run directory.
        format_name: A name in FORMATS.
        output: The folder; by default NAME-FORMAT in the working directory.
        ort_dir: For "web": a folder with the files of onnxruntime-web; by default downloaded.

    Raises:
        UserError: It is no finished run, the folder exists, or a package is missing. Nothing is
            written then.
    """
    if ort_dir and format_name != "web":
        raise UserError(f"--ort-dir is for --format web: leave it out with --format {format_name}")
    output = output or Path(f"{path.resolve().name}-{format_name}")
    check_output(output, path)
    require(*PACKAGES[format_name])
    run = load_run(path)
    with write_folder(output) as folder:
        FORMATS[format_name](run, folder, ort_dir)
        write_config(run, folder / CONFIG)
        (folder / CARD).write_text(write_card(run, format_name, folder), encoding="utf-8")
    return output


def write_safetensors(run: Run, folder: Path, ort_dir: Path | None) -> None:
    tensors, naming = to_state_dict(run.network, run.weights)
    metadata = {
        "naming": naming,
        "format": "pt" if naming != "gv_jax" else "np",
        **{key: json.dumps(value) for key, value in describe(run).items()},
    }
    (folder / "model.safetensors").write_bytes(save(tensors, metadata))


def write_stablehlo(run: Run, folder: Path, ort_dir: Path | None) -> None:
    program = to_stablehlo(make_image_function(run))
    (folder / f"model-jax{jax.__version__}.stablehlo").write_bytes(program)


def write_onnx(run: Run, folder: Path, ort_dir: Path | None) -> None:
    model = to_onnx_file(make_image_function(run), describe(run))
    (folder / "model.onnx").write_bytes(model)


def write_web(run: Run, folder: Path, ort_dir: Path | None) -> None:
    write_page(run, folder, ort_dir)
    write_onnx(run, folder, ort_dir)


Write = Callable[[Run, Path, Path | None], None]
FORMATS: Mapping[str, Write] = {
    "safetensors": write_safetensors,
    "stablehlo": write_stablehlo,
    "onnx": write_onnx,
    "web": write_web,
}
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "safetensors": (),
    "stablehlo": ("flatbuffers",),
    "onnx": ("onnx",),
    "web": ("onnx",),
}


def describe(run: Run) -> dict[str, Any]:
    """What a file says of itself: task, model, classes and configuration."""
    outputs: dict[str, Any] = {}
    config = run.config
    if isinstance(run, ClassifierRun):
        outputs = {"classes": run.classes, "image_size": run.image_size}
        if run.multi_label:  # a label is predicted from this probability on
            thresholds = np.asarray(run.confidence.label_thresholds, np.float64)
            outputs["label_thresholds"] = thresholds.tolist() or [0.5] * len(run.classes)
    elif isinstance(run, GeneratorRun):
        alpha = dict(zip(run.classes, run.generator.task.alpha, strict=True))
        outputs = {"classes": run.classes, "image_size": run.generator.size, "alpha": alpha}
        if run.generator.task.layouts is not None:
            outputs["layouts"] = run.generator.task.layouts.to_results(run.classes)
        config = {**config, "generation": run.section}
    return {"task": run.task, "model": run.results["model"], **outputs, "config": config}


def write_config(run: Run, file: Path) -> None:
    """The same as a JSON file."""
    file.write_text(json.dumps(describe(run), indent=2) + "\n", encoding="utf-8")
