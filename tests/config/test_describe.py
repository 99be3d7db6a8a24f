"""Every field of a configuration is described."""

import pytest

from gv_jax.config import default
from gv_jax.config.describe import NAMES, describe_fields, read_comments, read_meanings
from gv_jax.training.run_dir import flatten_config

FIELDS = flatten_config(default.get_config().to_dict())


def test_every_field_has_a_comment():
    comments = read_comments()
    assert set(comments) == set(FIELDS)
    assert not [field for field, comment in comments.items() if not comment]


@pytest.mark.parametrize(("field", "names"), NAMES.items())
def test_the_meaning_of_a_name_lists_the_valid_ones(field, names):
    words = read_meanings()[field].replace(",", "").split()
    assert set(names) <= set(words)
    assert len(names) > 3


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("seed", "of weights"),
        ("train.batch_size", "images"),
        ("data.atari_frames.clip_length", "consecutive frames"),
        ("augment.hue", "turns"),
    ],
)
def test_a_comment_is_that_of_its_line(field, words):
    assert words in read_comments()[field]


def test_a_line_has_the_field_its_value_and_its_comment():
    values = {**FIELDS, "train.epochs": 7, "model.name": "vgg16"}
    lines = describe_fields(values).splitlines()
    assert len(lines) == len(FIELDS)
    by_field = {line.split("=")[0].strip().removeprefix("--config."): line for line in lines}
    assert "=7" in by_field["train.epochs"]
    assert "='vgg16'  " in by_field["model.name"]
    assert by_field["optimizer.momentum"].endswith("of sgd")
