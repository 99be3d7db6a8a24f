"""The benchmark of whole frames compares decoded clips with their originals."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from benchmarks import color_clips
from gv_jax.data.builders.atari_player import Player
from gv_jax.image.tiled_metrics import compare_images

RED = np.full((*color_clips.SCREEN, 3), (200, 40, 40), np.uint8)
GRAY = np.full_like(RED, 88)


class GrayColorizer:
    """Predicts no color."""

    train_size, resize_mode = (16, 24), "stretch"
    interpolation = Image.Resampling.BILINEAR
    upsampler = SimpleNamespace(to_gray=lambda image: np.full(image.shape[:2], 88, np.uint8))

    def __call__(self, image):
        return np.full_like(image, 88)


def test_decoded_frames_are_compared_with_the_originals(tmp_path, monkeypatch):
    monkeypatch.setattr(color_clips, "load_colorizer", lambda run: GrayColorizer())
    for folder, frame in (("test", RED), ("out", GRAY)):
        for name in ("a.mp4", "b.mp4"):
            color_clips.write_clip(tmp_path / folder / name, [frame] * 9, rate=12)
    sheet = tmp_path / "sheet.png"
    lines = list(color_clips.measure(tmp_path, tmp_path / "test", tmp_path / "out", sheet))
    assert [line["clip"] for line in lines] == ["a", "b", "all"]
    assert [line["frames"] for line in lines] == [2, 2, 4]
    expected = compare_images(GRAY, RED)["ciede2000"]
    for line in lines:
        for name in ("whole", "trained", "gray"):
            assert line[name] == pytest.approx(expected, rel=0.03)
        assert line["ratio"] == pytest.approx(1, rel=0.03)
    with Image.open(sheet) as image:
        assert image.size == (2 * 3 * 160, 210)


def test_play_goes_on_after_the_end_of_an_episode(monkeypatch):
    monkeypatch.setattr("gv_jax.data.builders.atari_player.MAX_EPISODE_FRAMES", 200)
    screens = list(itertools.islice(color_clips.play(Player("assault", 0), 5), 12))
    assert {screen.shape for screen in screens} == {(210, 160, 3)}
