"""Writes a folder that serves runs by itself, for example as a hosted Space with Docker.

It holds the source of the package, so nothing but published packages has to be installed. Of the
runs it has what inference needs: neither training images nor paths of this computer, nor the state
of the optimizer.
"""

import importlib.metadata
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2

import gv_jax
from gv_jax.errors import UserError
from gv_jax.inference.finished_run import load_finished_run
from gv_jax.inference.stored.confidence_file import CONFIDENCE_FILE
from gv_jax.inference.stored.neighbors import read_neighbors, write_neighbors
from gv_jax.training.run_dir import RunDir, write_json

TEMPLATES = Path(__file__).parent / "space_files"
KEPT_METADATA = ("format_version", "versions", "seed")  # of config.json, besides the config
PRIVATE_FIELDS = (
    *(("data", "root"), ("data", "path"), ("data", "generated")),
    ("model", "pretrained"),
)
UPSCALER_FIELD = ("data", "super_resolution")  # the run of a preprocessing step
PRIVATE_RESULTS = ("audit", "data_changes", "epochs", "skipped", "sources", "warnings")
EXTRAS = ("serve", "video")
REQUIREMENT_NAME = re.compile(r"[\w.-]+")
EMPTY_REPORT = "<!doctype html><title>Report</title><p>The report is not part of this copy.</p>\n"


def export_space(paths: Sequence[Path], output: Path, *, images: bool) -> str:
    """Writes the folder, completely or not at all.

    Args:
        paths: Run directories.
        output: A folder that does not exist yet, or is empty.
        images: Whether to include stored thumbnails of training images, and their names.

    Returns:
        What to do next, in one line.

    Raises:
        UserError: A run cannot be used, or `output` has files.
    """
    runs = [load_finished_run(path) for path in paths]
    names = number_names([run.path.resolve().name for run in runs])
    check_output(output, paths)
    with write_folder(output) as folder:
        copy_package(folder / "gv_jax")
        for name, run in zip(names, runs, strict=True):
            copy_run(run, folder, folder / "runs" / name, images=images)
        write_texts(folder, names, runs, images=images)
    return f"wrote {output}: its README.md says how to start and host it"


def number_names(names: Sequence[str]) -> list[str]:
    """The names; equal ones are numbered."""
    unique: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate in unique:
            candidate, number = f"{name}-{number}", number + 1
        unique.append(candidate)
    return unique


def check_output(output: Path, runs: Sequence[Path]) -> None:
    """Raises UserError if the folder cannot be written without harm to anything."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"{output} exists: give --export-space a new folder")
    for run in runs:
        if run.resolve() in (output.resolve(), *output.resolve().parents):
            raise UserError(f"{output} is inside the run {run}: give another folder")


@contextmanager
def write_folder(path: Path) -> Iterator[Path]:
    """Yields a folder beside `path`; it becomes `path`, or is removed after an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name[:100]}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        if path.exists():
            path.rmdir()  # empty
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def copy_package(target: Path) -> None:
    """Copies the source of this package."""
    source = Path(gv_jax.__file__).parent
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".*"))


def copy_run(run: RunDir, space: Path, target: Path, *, images: bool) -> None:
    """Copies what inference needs of a run.

    Args:
        run: A finished run.
        space: The folder of the Space, which gets the run of an upscaling preprocessing too.
        target: The new run directory.
        images: Whether to include thumbnails and names of training images.
    """
    target.mkdir(parents=True)
    config = json.loads(json.dumps(run.config))
    for section, name in PRIVATE_FIELDS:
        value = config.get(section, {}).get(name)
        if isinstance(value, str) and value:
            config[section][name] = Path(value).name
    upscaler = config.get(UPSCALER_FIELD[0], {}).get(UPSCALER_FIELD[1])
    if upscaler:
        relative = Path("upscalers") / Path(upscaler).name
        if not (space / relative).exists():
            copy_run(load_finished_run(Path(upscaler)), space, space / relative, images=images)
        config[UPSCALER_FIELD[0]][UPSCALER_FIELD[1]] = str(relative)
    kept = {name: run.metadata[name] for name in KEPT_METADATA if name in run.metadata}
    write_json(target / "config.json", kept | {"config": config})
    results = {k: v for k, v in (run.results or {}).items() if k not in PRIVATE_RESULTS}
    if weights := results.get("weights"):
        results["weights"] = weights | {"source": Path(weights["source"]).name}
    write_json(target / "results.json", results)
    write_json(target / "data.json", empty_record(run))
    (target / "report.html").write_text(EMPTY_REPORT)
    copy_inference_files(run.path, target, images=images)
    copy_best_weights(run, target)


def empty_record(run: RunDir) -> dict[str, Any]:
    """data.json without images: names of the classes."""
    classes = (run.results or {}).get("classes", [])
    return {"name": "", "classes": classes, "groups": {}, "splits": {}, "source": {}}


def copy_inference_files(run: Path, target: Path, *, images: bool) -> None:
    """Copies the calibration, and features of training images; thumbnails only if wanted."""
    if (run / CONFIDENCE_FILE).exists():
        shutil.copy(run / CONFIDENCE_FILE, target)
    neighbors = read_neighbors(run)
    if neighbors is not None:
        if not images:
            neighbors = replace(neighbors, ids=("",) * len(neighbors.ids), thumbnails=())
        write_neighbors(target, neighbors)


def copy_best_weights(run: RunDir, target: Path) -> None:
    """Copies the newest checkpoint without the state of the optimizer.

    Raises:
        UserError: There is no checkpoint.
    """
    steps = [path for path in run.checkpoints.glob("*") if path.name.isdecimal()]
    if not steps:
        raise UserError(f"{run.path} has no checkpoint: copy the run directory again")
    newest = max(steps, key=lambda path: int(path.name))
    ignored = shutil.ignore_patterns("state", "commit_success.txt")  # the latter names the folder
    shutil.copytree(newest, target / "checkpoints" / newest.name, ignore=ignored)


def write_texts(
    folder: Path, names: Sequence[str], runs: Sequence[RunDir], *, images: bool
) -> None:
    """Writes app.py, Dockerfile, README.md and requirements.txt."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    described = []
    for name, run in zip(names, runs, strict=True):
        results = run.results or {}
        summary = results.get("summary", "")
        described.append({"name": name, "task": results["task"], "summary": summary})
    title = f"Game vision: {', '.join(names)}"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,
    )
    for name in ("Dockerfile", "README.md"):
        text = environment.get_template(f"{name}.jinja").render(
            python=python, title=title, runs=described, images=images
        )
        (folder / name).write_text(text, encoding="utf-8")
    shutil.copy(TEMPLATES / "app.py", folder)
    (folder / "requirements.txt").write_text("\n".join(list_requirements()) + "\n")
    (folder / ".dockerignore").write_text("venv\n__pycache__\n")


def list_requirements() -> list[str]:
    """What the package and the extras of serving require, in the installed versions."""
    names = [match[0] for text in read_requirements() if (match := REQUIREMENT_NAME.match(text))]
    return [f"{name}=={version}" for name in names if (version := installed_version(name))]


def read_requirements() -> list[str]:
    """Requirements of the package and the extras, as in pyproject.toml.

    The file beside the source is read where there is one: the metadata of an installation from a
    folder are those of the day of the installation.
    """
    project = Path(gv_jax.__file__).parent.parent / "pyproject.toml"
    if project.is_file():
        table = tomllib.loads(project.read_text("utf-8"))["project"]
        extras = table["optional-dependencies"]
        return [*table["dependencies"], *(text for name in EXTRAS for text in extras[name])]
    requirements = importlib.metadata.requires("gv_jax") or []
    return [
        text
        for text in requirements
        if "extra ==" not in text or any(f'extra == "{name}"' in text for name in EXTRAS)
    ]


def installed_version(package: str) -> str | None:
    """The installed version; None for a package that is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
