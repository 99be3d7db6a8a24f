"""Denoising against the model that it minimizes, the rest against arrays by hand."""

import sys
from functools import partial

import numpy as np
import pytest
from PIL import Image

from gv_jax.data import dataset, transforms
from gv_jax.data.box import NO_BOX
from gv_jax.data.decode import to_array
from gv_jax.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
RESIZE = {
    "size": (6, 8),
    "channels": 3,
    "resize_mode": "stretch",
    "interpolation": "box",
    "background": (0, 0, 0),
}


def preprocess(text, box=NO_BOX, pixels=PIXELS, upscaler=None, **changes):
    resize = partial(to_array, **{**RESIZE, **changes})
    names = transforms.parse_preprocess(text)
    pipeline = transforms.build_transforms(names, resize, upscaler)
    return pipeline(Image.fromarray(pixels), box)


def repeat_pixels(pixels):
    return pixels.repeat(2, axis=0).repeat(2, axis=1)


def total_variation(pixels):
    """Isotropic, forward differences, of one channel in [0, 1]."""
    down = np.diff(pixels, axis=0, append=pixels[-1:])
    right = np.diff(pixels, axis=1, append=pixels[:, -1:])
    return np.sqrt(down**2 + right**2).sum()


class TestParse:
    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("none", ()),
            ("", ()),
            ("crop", ("crop",)),
            ("crop+denoise", ("crop", "denoise")),
            ("none + crop", ("crop",)),
            ("super_resolution+denoise", ("super_resolution", "denoise")),
            ("crop+denoise+super_resolution", ("crop", "denoise", "super_resolution")),
        ],
    )
    def test_names_in_the_order_of_the_text(self, text, names):
        assert transforms.parse_preprocess(text) == names

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ("denoize", r"config\.data\.preprocess.*'denoize'.*'denoise'"),
            ("crop,denoise", r"config\.data\.preprocess.*'crop,denoise'"),
            ("crop++denoise", r"config\.data\.preprocess.*''"),
            ("crop+crop", r"config\.data\.preprocess=crop\+crop"),
            ("denoise+crop", r"config\.data\.preprocess=denoise\+crop.*crop\+denoise\."),
        ],
    )
    def test_errors_have_one_line(self, text, match):
        with pytest.raises(UserError, match=match) as caught:
            transforms.parse_preprocess(text)
        assert "\n" not in str(caught.value)


class TestNone:
    def test_is_only_the_resize(self):
        assert np.array_equal(
            preprocess("none", box=(1, 1, 5, 5)), to_array(Image.fromarray(PIXELS), **RESIZE)
        )


class TestCrop:
    def test_is_the_inside_of_the_box(self):
        box = (2, 5, 8, 13)  # 6 rows and 8 columns, so that there is nothing to resize
        assert np.array_equal(preprocess("crop", box=box), PIXELS[2:8, 5:13])

    def test_comes_before_the_resize(self):
        cropped = preprocess("crop", box=(0, 0, 12, 8))
        assert np.array_equal(cropped, to_array(Image.fromarray(PIXELS[:, :8]), **RESIZE))

    def test_without_a_box_it_is_the_whole_image(self):
        assert np.array_equal(preprocess("crop"), preprocess("none"))

    def test_one_pixel(self):
        assert (preprocess("crop", box=(3, 4, 4, 5)) == PIXELS[3, 4]).all()

    @pytest.mark.parametrize("resize_mode", ["stretch", "crop", "pad"])
    def test_is_resized_like_any_other_image(self, resize_mode):
        assert preprocess("crop", box=(0, 0, 12, 4), resize_mode=resize_mode).shape == (6, 8, 3)


class TestDenoise:
    def test_a_constant_image_does_not_change(self):
        constant = np.full((6, 8, 3), (7, 100, 255), np.uint8)
        assert np.array_equal(transforms.denoise(constant), constant)

    def test_minimizes_distance_and_variation(self):
        """Chambolle's model |u - f|^2 / 2 + weight * TV(u), minimized for every channel."""
        for channel in range(3):
            before = PIXELS[..., channel] / 255.0
            after = transforms.denoise(PIXELS)[..., channel] / 255.0
            penalty = transforms.DENOISE_WEIGHT * total_variation(after)
            cost = ((after - before) ** 2).sum() / 2 + penalty
            assert total_variation(after) < 0.7 * total_variation(before)
            assert cost < transforms.DENOISE_WEIGHT * total_variation(before)
            assert abs(after.mean() - before.mean()) < 0.01

    def test_every_channel_separately_but_not_alpha(self):
        smooth = transforms.denoise(np.concatenate([PIXELS, PIXELS[..., :1]], axis=-1))
        assert np.array_equal(smooth[..., :3], transforms.denoise(PIXELS))
        assert np.array_equal(smooth[..., 3], PIXELS[..., 0])
        for channel in range(3):
            single = transforms.denoise(PIXELS[..., channel : channel + 1])
            assert np.array_equal(single[..., 0], smooth[..., channel])

    def test_keeps_an_edge_but_removes_the_noise_beside_it(self):
        clean = np.full((32, 32, 3), 60, np.uint8)
        clean[:, 16:] = 190
        noisy = clean + np.random.default_rng(1).integers(-12, 13, clean.shape)
        smooth = transforms.denoise(noisy.astype(np.uint8)).astype(int)
        assert np.abs(smooth - clean).mean() < 0.7 * np.abs(noisy - clean).mean()
        assert (smooth[:, 17] - smooth[:, 14]).min() > 90

    def test_comes_after_the_resize(self):
        assert np.array_equal(preprocess("denoise"), transforms.denoise(preprocess("none")))
        cropped = preprocess("crop+denoise", box=(2, 5, 8, 13))
        assert np.array_equal(cropped, transforms.denoise(PIXELS[2:8, 5:13]))

    def test_without_scikit_image(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "skimage", None)
        preprocess("crop")
        with pytest.raises(UserError, match=r"config\.data\.preprocess=denoise.*\[image\]"):
            preprocess("denoise")


class TestSuperResolution:
    def test_doubles_the_resized_image(self):
        assert np.array_equal(
            preprocess("super_resolution", upscaler=repeat_pixels),
            repeat_pixels(preprocess("none")),
        )
        assert transforms.scale_size(("super_resolution",), (6, 8)) == (12, 16)
        assert transforms.scale_size(("crop", "denoise"), (6, 8)) == (6, 8)

    def test_in_the_order_of_the_text(self):
        first = preprocess("denoise+super_resolution", upscaler=repeat_pixels)
        second = preprocess("super_resolution+denoise", upscaler=repeat_pixels)
        assert np.array_equal(first, repeat_pixels(transforms.denoise(preprocess("none"))))
        assert np.array_equal(second, transforms.denoise(repeat_pixels(preprocess("none"))))
        assert not np.array_equal(first, second)

    def test_without_an_upscaler(self):
        with pytest.raises(UserError, match=r"config\.data\.super_resolution"):
            preprocess("crop+super_resolution")

    @pytest.mark.parametrize(
        "wrong", [lambda pixels: pixels, lambda pixels: repeat_pixels(pixels) / 255]
    )
    def test_an_upscaler_with_a_wrong_result(self, wrong):
        with pytest.raises(ValueError, match=r"upscaler.*\(6, 8, 3\)"):
            preprocess("super_resolution", upscaler=wrong)


class TestInADataset:
    @pytest.fixture
    def load(self, shapes, tmp_path):
        source = {
            "path": str(shapes),
            "skip_broken": False,
            "valid_fraction": 0.2,
            "test_fraction": 0,
            "split_seed": 0,
        }

        def load(preprocess, upscaler_id="", **changes):
            return dataset.load_split_arrays(
                "image_folder",
                root=tmp_path,
                preprocess=preprocess,
                upscaler=repeat_pixels if upscaler_id else None,
                upscaler_id=upscaler_id,
                group_pattern="",
                **source,
                **{**RESIZE, **changes},
            )

        return load

    def count_caches(self, tmp_path):
        return len(list((tmp_path / "cache").iterdir()))

    def test_arrays(self, load):
        plain = load("none").splits["valid"].images
        assert np.array_equal(load("crop").splits["valid"].images, plain)  # there are no boxes
        smooth = load("crop+denoise").splits["valid"].images
        assert np.array_equal(smooth, np.stack([transforms.denoise(image) for image in plain]))
        large = load("super_resolution", upscaler_id="twice").splits["valid"].images
        assert np.array_equal(large, np.stack([repeat_pixels(image) for image in plain]))

    def test_every_preprocessing_has_a_cache_of_its_own(self, load, tmp_path):
        for text in ("none", "crop", "denoise", "crop+denoise"):
            load(text)
        assert self.count_caches(tmp_path) == 4
        for text in ("", "none+crop", "denoise"):
            load(text)
        assert self.count_caches(tmp_path) == 4

    def test_every_upscaler_has_a_cache_of_its_own_if_it_is_used(self, load, tmp_path):
        load("crop", upscaler_id="one")
        load("crop", upscaler_id="other")
        assert self.count_caches(tmp_path) == 1
        load("super_resolution", upscaler_id="one")
        load("super_resolution", upscaler_id="other")
        assert self.count_caches(tmp_path) == 3

    def test_a_new_version_has_a_new_cache(self, load, tmp_path, monkeypatch):
        load("none")
        monkeypatch.setattr(transforms, "TRANSFORMS_VERSION", transforms.TRANSFORMS_VERSION + 1)
        load("none")
        assert self.count_caches(tmp_path) == 2

    def test_super_resolution_needs_rgb(self, load):
        with pytest.raises(UserError, match=r"config\.data\.channels=3"):
            load("super_resolution", upscaler_id="twice", channels=4)
