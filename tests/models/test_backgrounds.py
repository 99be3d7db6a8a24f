"""Images over several backgrounds, against Pillow's compositing."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from gv_jax import models
from gv_jax.models.backgrounds import Composite
from gv_jax.models.pooled_head import with_pooled_head

GRAYS = (0, 128, 255)


@pytest.mark.parametrize(
    ("mean", "std"), [((0.5,), (0.25,)), ((0.1, 0.2, 0.3, 0.4), (0.5, 0.6, 0.7, 0.8))]
)
def test_composites_are_those_of_pillow(mean, std):
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 4), dtype=np.uint8)
    x = ((images / 255 - mean) / std).astype(np.float32)
    composites = np.asarray(Composite(GRAYS, mean, std)(jnp.asarray(x)))
    colors = 255 * (composites * std[:3] + mean[:3])
    assert colors.shape == (6, 5, 4, 3)
    for index, gray in enumerate(GRAYS):
        for image, color in zip(images, colors[2 * index :], strict=False):
            canvas = Image.new("RGBA", (4, 5), (gray, gray, gray, 255))
            canvas.alpha_composite(Image.fromarray(image))
            np.testing.assert_allclose(color, np.asarray(canvas)[..., :3], atol=1)


def test_maps_of_an_image_are_those_of_its_composites():
    size = (32, 32)
    backbone = models.build("squeezenet1_1", inputs=3, classes=9, size=size, rngs=nnx.Rngs(0))
    composite = Composite(GRAYS, (0.5,), (0.25,))
    model = with_pooled_head(
        backbone, "all", in_features=3, out_features=2, size=size, seed=0, composite=composite
    )
    model = nnx.view(model, deterministic=True, use_running_average=True, raise_if_not_found=False)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, *size, 4)), jnp.float32)
    maps = model.features(x)
    for index in range(len(GRAYS)):
        alone = model.backbone.features(composite(x)[2 * index : 2 * index + 2])
        for name, value in alone.items():
            part = jnp.split(maps[name], len(GRAYS), -1)[index]
            np.testing.assert_allclose(part, value, atol=1e-4)
    assert model(x).shape == (2, 2)
    assert model.head.kernel.shape[0] == 2 * sum(value.shape[-1] for value in maps.values())


def test_what_has_the_color_of_one_background_differs_over_another():
    outline = np.zeros((1, 4, 4, 4), np.float32)
    outline[:, 1:3, 1:3, 3] = 1  # black and opaque
    empty = np.zeros_like(outline)
    composite = Composite((0, 255), (0.0,), (1.0,))
    difference = np.abs(composite(jnp.asarray(outline)) - composite(jnp.asarray(empty)))
    assert difference[0].max() == 0
    assert difference[1].max() == 1
