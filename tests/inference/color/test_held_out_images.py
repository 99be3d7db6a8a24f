"""Whole held-out images: where they are stored, baselines, and what is measured."""

import numpy as np
import pytest
from PIL import Image

from gv_jax.data.augment.degrade import build_degradation
from gv_jax.data.builders.registry import DATASETS
from gv_jax.image.tiled_metrics import compare_images
from gv_jax.inference.color.colorizer import load_colorizer
from gv_jax.inference.color.held_out_images import HeldOutImages, find_positions, make_lookups
from gv_jax.tasks.color_heads.regression import RegressionHead
from gv_jax.tasks.colorization import Colorization
from tests.inference.scenes import to_gray

SIZES = ((40, 24), (17, 33), (26, 50))  # height and width of the frames, in turns


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    """30 frames of two games in three sizes; one in four is transparent."""
    base = tmp_path_factory.mktemp("frames")
    rng = np.random.default_rng(0)
    for game in ("day", "night"):
        (base / "in" / game).mkdir(parents=True)
        for index in range(15):
            pixels = rng.integers(0, 256, (*SIZES[index % 3], 3 + (index % 4 == 0)), dtype=np.uint8)
            Image.fromarray(pixels).save(base / "in" / game / f"f{index:03d}.png")
    builder = DATASETS["frames_folder"](
        root=base / "data",
        path=str(base / "in"),
        skip_broken=False,
        valid_fraction=0.2,
        test_fraction=0.2,
        split_seed=0,
        title_pattern="",
        hold_out="scenes",
        scene_length=3,
        gap=1,
        test_only=(),
    )
    builder.prepare()
    return builder


def test_images_are_found_in_every_split(builder):
    stored = {
        image_id: (split, index)
        for split in builder.info.splits
        for index, (image_id, *_) in enumerate(builder.examples(split))
    }
    ids = list(stored)[::3]
    assert find_positions(builder, ids) == {image_id: stored[image_id] for image_id in ids}


def test_measured_images_are_what_the_colorizer_writes(builder, colorization_run):
    colorizer = load_colorizer(colorization_run)
    table = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)
    ids = [image_id for image_id, *_ in builder.examples("test")]
    lookups = {"gray": table, "gray_lookup": table}
    images = HeldOutImages(builder, colorizer, lookups, ids)
    outputs = images.measure()
    for index, image_id in enumerate(ids):
        stored = np.asarray(Image.open(builder.path + f"/{image_id}"))
        if stored.shape[-1] == 4:  # over black
            opaque, written = (
                np.asarray(
                    Image.alpha_composite(
                        Image.new("RGBA", stored.shape[1::-1], (0, 0, 0, 255)),
                        Image.fromarray(pixels),
                    )
                )[..., :3]
                for pixels in (stored, colorizer(stored))
            )
        else:
            opaque, written = stored, colorizer(stored)
        expected = compare_images(written, opaque)
        for name, value in expected.items():
            assert outputs[name][index] == pytest.approx(value)
        gray = compare_images(np.repeat(to_gray(opaque)[..., None], 3, -1), opaque)
        assert outputs["gray_lookup/ciede2000"][index] == pytest.approx(gray["ciede2000"], abs=0.02)
        versions = images.example(index)
        np.testing.assert_array_equal(versions.network, written)
        np.testing.assert_array_equal(versions.original, opaque)


@pytest.mark.parametrize("degradations", [{}, {"gray_levels": 4, "blur": 1.0}])
def test_baselines_preserve_the_gray(degradations):
    images = np.random.default_rng(0).integers(0, 256, (4, 12, 16, 3), dtype=np.uint8)
    degrade = build_degradation(degradations)
    task = Colorization.from_images(images, degrade, lambda *stats: RegressionHead(2))
    lookups = make_lookups(task)
    levels = np.arange(256, dtype=np.uint8)
    for table in lookups.values():
        np.testing.assert_array_equal(to_gray(table[None])[0], levels)
    np.testing.assert_array_equal(lookups["gray"], np.repeat(levels[:, None], 3, 1))
    assert np.ptp(lookups["gray_lookup"].astype(int), axis=-1).max() > 5
