"""Files of users that fail are one line with the place."""

import pytest

from gv_jax.cli.flags import check_field_names, load_config, read_config_file
from gv_jax.config import default
from gv_jax.errors import UserError
from gv_jax.user_file import run_user_file

FAILURES = {
    "no Python": ("# A title\n\nThis is *no* Python.\n", "line 3"),
    "an exception": ("A = 1\nB = A / 0\n", "line 2"),
    "a missing module": ("import no_such_module_of_mine\n", "no_such_module_of_mine"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_file_that_fails_is_one_line(tmp_path, name):
    text, word = FAILURES[name]
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(UserError) as error:
        run_user_file(str(file))
    assert "\n" not in str(error.value)
    assert str(file) in str(error.value)
    assert word in str(error.value)


def test_the_names_of_a_file(tmp_path):
    (tmp_path / "mine.py").write_text("A = 1 + 1\n")
    assert run_user_file(str(tmp_path / "mine.py"))["A"] == 2


def test_a_config_without_parameter_takes_no_argument():
    with pytest.raises(UserError, match=r"quickstart\.py.*:abc"):
        read_config_file("configs/quickstart.py:abc")


@pytest.mark.parametrize(
    ("text", "word"),
    [("A = 1\n", "get_config"), ("def get_config():\n    return {}['a']\n", "line 2")],
)
def test_a_config_file_that_gives_no_config(tmp_path, text, word):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(UserError, match=word):
        read_config_file(str(tmp_path / "mine.py"))


def test_a_section_is_no_field():
    with pytest.raises(UserError, match=r"config\.train\..*=VALUE"):
        check_field_names(default.get_config(), ["train"])
    with pytest.raises(UserError, match=r"config\.train\."):
        load_config("configs/quickstart.py", {"train.epochs": "2", "train": "1"})
