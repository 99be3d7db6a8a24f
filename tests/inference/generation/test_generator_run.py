"""`run.generate`: classes, seeds, variations, alpha and palettes."""

import numpy as np
import pytest

import gv_jax
from gv_jax.errors import UserError
from gv_jax.inference.generation.generator import BATCH_SIZE, to_pixels
from tests.inference.runs import write_generation_run

IMAGE = np.zeros((16, 16, 4), np.uint8)


@pytest.fixture(scope="module")
def run(generation_run):
    return gv_jax.load_run(generation_run)


def test_images_are_a_function_of_class_seed_and_number(run):
    many = run.generate("brick", BATCH_SIZE + 1)
    assert many.shape == (BATCH_SIZE + 1, 16, 16, 4)
    assert many.dtype == np.uint8
    np.testing.assert_array_equal(run.generate("brick", 2), many[:2])
    assert (run.generate("brick", 2, seed=1) != many[:2]).mean() > 0.5
    assert (run.generate("hero", 2) != many[:2])[..., :3].mean() > 0.5
    assert len(np.unique(many.reshape(len(many), -1), axis=0)) == len(many)


def test_alpha_is_that_of_the_class(run):
    assert (run.generate("brick", 4)[..., 3] == 255).all()
    hero = run.generate("hero", 4)
    assert set(np.unique(hero[..., 3])) == {0, 255}
    assert (hero[..., :3][hero[..., 3] == 0] == 0).all()


def test_solid_images_of_a_smooth_class_are_opaque():
    pixels = np.zeros((3, 16, 16, 4), np.float32)
    pixels[0, ..., 3] = 0.9  # noise of an opaque image
    pixels[1, ..., 3] = 0.9
    pixels[1, 0, 0, 3] = 0.5  # an edge
    pixels[1, 0, 1, 3] = 0.1
    pixels[2, ..., 3] = 0.9
    pixels[2, 0, :4, 3] = 0.5  # glass
    flags = np.zeros(3, bool)
    alpha = np.asarray(to_pixels(2 * pixels - 1, flags, flags))[..., 3]
    assert (alpha[0] == 255).all()
    assert np.unique(alpha[1]).tolist() in ([25, 128, 255], [26, 128, 255])
    assert np.unique(alpha[2]).tolist() == [128, 230]


def test_variations_are_the_nearer_the_lower_the_strength(run):
    image = np.full((16, 16, 4), 200, np.uint8)
    image[..., 3] = 255

    def distance(strength):
        outputs = run.generate("brick", 3, like=image, strength=strength).astype(float)
        return np.abs(outputs - image)[..., :3].mean()

    assert distance(0) <= 1  # rounding
    assert distance(0.2) < distance(0.6) < distance(1)


def test_an_image_of_another_size_and_kind_can_be_varied(run, tmp_path):
    gray = np.zeros((40, 30), np.uint8)
    assert run.generate("hero", 1, like=gray).shape == (1, 16, 16, 4)


def test_a_number_of_colors_limits_those_of_each_image(run):
    for image in run.generate("brick", 3, palette=4):
        assert len(np.unique(image.reshape(-1, 4), axis=0)) <= 4


def test_a_palette_file_gives_its_colors(run, tmp_path):
    file = tmp_path / "a.hex"
    file.write_text("ff0000\n#00FF00\n")
    images = run.generate("brick", 2, palette=file)
    colors = {tuple(color) for color in images.reshape(-1, 4).tolist()}
    assert colors <= {(255, 0, 0, 255), (0, 255, 0, 255)}


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({"label": "brik"}, ("'brik'", "'brick'")),
        ({"seed": -1}, ("seed", "-1")),
        ({"guidance": 21.0}, ("guidance", "21.0")),
        ({"guidance": float("nan")}, ("guidance", "nan")),
        ({"guidance": "2"}, ("guidance", "'2'")),
        ({"seed": 1.5}, ("seed", "1.5")),
        ({"steps": 0}, ("steps", "0")),
        ({"steps": 2.5}, ("steps", "2.5")),
        ({"count": -1}, ("count", "-1")),
        ({"count": 1.0}, ("count", "1.0")),
        ({"count": 10**12}, ("count", "1000000")),
        ({"label": None}, ("None", "brick")),
        ({"strength": 1.5, "like": IMAGE}, ("strength", "1.5")),
        ({"layout_time": 0.4}, ("layout_time", "0.4", "0.5")),
        ({"layout_time": 0.7}, ("layout_time", "run", "config.generation.layouts=0")),
        ({"strength": 0.5}, ("strength", "vary")),
        ({"count": True}, ("count", "True")),
        ({"palette": 300}, ("300",)),
        ({"palette": 0}, ("palette is 0", "256")),
        ({"palette": 4.5}, ("4.5", "256")),
        ({"palette": np.zeros(3, np.uint8)}, ("array", "256")),
        ({"palette": "missing.hex"}, ("missing.hex",)),
    ],
)
def test_errors_name_the_value(run, options, values):
    with pytest.raises(UserError) as caught:
        run.generate(**{"label": "brick", **options})
    message = str(caught.value)
    assert "\n" not in message
    assert all(value in message for value in values)


def test_layouts_are_read_at_the_size_of_the_images(tmp_path):
    fields = {"generation.layouts": 3, "data.size": (0, 0)}  # the size of the images themselves
    run = gv_jax.load_run(write_generation_run(tmp_path / "run", **fields))
    assert run.generator.task.layouts.counts.tolist() == [3, 3]
    assert run.generate("brick", 1).shape == (1, 16, 16, 4)


def test_other_actions_are_refused(run):
    with pytest.raises(UserError, match="generates images"):
        run.predict(np.zeros((16, 16, 3), np.uint8))


def test_a_count_is_divided_in_proportion_to_the_training_images(run):
    assert run.divide_count(8) == {"brick": 6, "hero": 2}
    assert run.divide_count(1) == {"brick": 1, "hero": 0}
    assert sum(run.divide_count(7).values()) == 7


def test_layouts_are_those_of_training_images_or_of_the_image_to_vary(tmp_path, monkeypatch):
    fields = {"generation.layouts": 3, "generation.layout_time": 0.75}
    run = gv_jax.load_run(write_generation_run(tmp_path / "run", **fields))
    seen = []

    def sample(weights, images, times, conditions):
        seen.append((np.asarray(conditions.layouts), np.asarray(conditions.layout_times)))
        return images

    monkeypatch.setattr(run.generator, "_sample", sample)
    noise = {}
    for seed in (1, 2):
        run.generate("hero", BATCH_SIZE, seed=seed, like=np.full((16, 16, 4), 255, np.uint8))
        layouts, times = seen[-1]
        assert (times == 0.75).all()
        noise[seed] = (layouts - 0.75) / 0.25  # the layout of a white image is 1
        assert noise[seed].std() == pytest.approx(1, abs=0.1)
    run.generate("hero", BATCH_SIZE, seed=2)
    layouts = (seen[-1][0] - 0.25 * noise[2]) / 0.75  # without the noise of the image
    stored = run.generator.task.layouts.colors[1] / 127.5 - 1
    distances = np.abs(layouts[:, None] - stored).max((2, 3, 4))
    assert distances.min(1).max() < 1e-5
    assert set(distances.argmin(1).tolist()) == {0, 1, 2}
    assert np.abs(noise[1] - noise[2]).mean() > 0.5
    run.generate("hero", BATCH_SIZE, seed=2, layout_time=0.5)
    layouts, times = seen[-1]
    assert (times == 0.5).all()
    layouts = (layouts - 0.5 * noise[2]) / 0.5
    assert np.abs(layouts[:, None] - stored).max((2, 3, 4)).min(1).max() < 1e-5
