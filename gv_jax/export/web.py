"""A page that runs an exported model in the browser with onnxruntime-web."""

import base64
import hashlib
import io
import json
import tarfile
import urllib.request
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from gv_jax.data.transforms import output_size
from gv_jax.errors import UserError
from gv_jax.export.function import make_image_function
from gv_jax.inference.classifier import ClassifierRun
from gv_jax.inference.run import Run

ORT_VERSION = "1.30.0"
ORT_URL = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{ORT_VERSION}.tgz"
ORT_SHA512 = (
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
ORT_FILES = (
    "ort.wasm.min.js",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
TIMEOUT_S = 60
MAX_BYTES = 64 * 2**20


def write_page(run: Run, folder: Path, ort_dir: Path | None) -> None:
    """Writes index.html and the files of onnxruntime-web.

    Args:
        run: The run.
        folder: Where they are written; the model is expected there as model.onnx.
        ort_dir: A folder with ORT_FILES, such as `dist` of the npm package; None: download it.

    Raises:
        UserError: The run generates images; the files are missing, or cannot be downloaded.
    """
    # Within a script element, "</" would end it
    settings = json.dumps(page_settings(run)).replace("</", "<\\/")
    files = read_ort_files(ort_dir) if ort_dir else extract_ort_files(download_ort())
    for name, content in files.items():
        (folder / name).write_bytes(content)
    template = resources.files("gv_jax.export").joinpath("page.html").read_text("utf-8")
    page = template.replace("{{ title }}", escape(run.name)).replace("{{ settings }}", settings)
    (folder / "index.html").write_text(page, encoding="utf-8")


def page_settings(run: Run) -> dict[str, Any]:
    """What the page needs to know of a run."""
    data = run.config["data"]
    settings = {
        "task": run.task,
        "title": run.name,
        "summary": run.results.get("summary", ""),
        "channels": int(make_image_function(run).dimensions.rpartition(", ")[2]),
        "background": list(data["background"]),
        "resizeMode": data["resize_mode"],
        "cropPct": data["crop_pct"],
        "smooth": data["interpolation"] != "nearest",
    }
    if isinstance(run, ClassifierRun):
        return settings | {"classes": run.classes, "size": list(run.image_size)}
    if run.task == "colorization":
        return settings | {"trainSize": list(output_size(data))}
    return settings


def read_ort_files(folder: Path) -> dict[str, bytes]:
    """The files of onnxruntime-web in a folder."""
    missing = [name for name in ORT_FILES if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"--ort-dir {folder} lacks {', '.join(missing)}: give the folder dist of the npm "
            f"package onnxruntime-web {ORT_VERSION}"
        )
    return {name: (folder / name).read_bytes() for name in ORT_FILES}


def download_ort(url: str = ORT_URL) -> bytes:
    """The npm package onnxruntime-web of ORT_VERSION, whose hash is checked."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
            package = response.read(MAX_BYTES)
    except OSError as error:
        raise UserError(
            f"{url} cannot be downloaded ({error}): on a computer with network run "
            f"npm pack onnxruntime-web@{ORT_VERSION}, unpack it and give "
            "--ort-dir package/dist"
        ) from error
    digest = base64.b64encode(hashlib.sha512(package).digest()).decode()
    if digest != ORT_SHA512:
        raise UserError(f"{url}: the file is not the published one (sha512 {digest}): try again")
    return package


def extract_ort_files(package: bytes) -> dict[str, bytes]:
    """ORT_FILES of an npm package, .tgz."""
    files = {}
    with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
        for name in ORT_FILES:
            member = archive.extractfile(f"package/dist/{name}")
            assert member is not None
            files[name] = member.read()
    return files
