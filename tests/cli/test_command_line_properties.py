"""Random command lines: a configuration that is valid, or one line and status 2."""

import contextlib
import io
import os
from collections.abc import Sequence

import pytest
from flax.traverse_util import flatten_dict
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gv_jax.cli.ablate import make_ablate_parser
from gv_jax.cli.flags import load_config, run_command
from gv_jax.cli.search import make_search_parser
from gv_jax.cli.train import make_train_parser
from gv_jax.cli.train_many import parse_members
from gv_jax.config import default
from gv_jax.config.resolve import resolve
from gv_jax.config.validate import validate

FIELDS = sorted(flatten_dict(default.get_config().to_dict(), sep="."))
OPTIONS = ("--config", "--workdir", "--mode", "--on-changed-data", "--data-records", "--help")
VALUES = st.one_of(
    st.sampled_from(
        [
            *("", "0", "1", "-1", "1e400", "nan", "inf", "-inf", "0x10", "1_000", "None", "True"),
            *("()", "(", "(1,)", "(1,2)", "1,2", "96x128", "0x0", "'a'", "['a', 'b']", "{}", "~"),
            *("(None,)", "((1,2),3)", "a" * 5000, "\0", "\n", "é", "★", "\udcff", "$(x)", "%s{0}"),
            *("9" * 400, "1" * 5000, "lambda: 0", "cosine", "resnet18", "ridge", "multi_label"),
        ]
    ),
    st.integers().map(str),
    st.floats().map(str),
    st.lists(st.one_of(st.integers(), st.floats(), st.text(max_size=3)), max_size=3).map(str),
    st.text(max_size=8),
)
NAMES = st.one_of(
    st.sampled_from(FIELDS),
    st.sampled_from(["data", "", ".", "data.", "data.size.0", "train.epochs.x", "\udcff"]),
    st.text(max_size=6),
)
WORDS = st.one_of(
    st.builds("--config.{}={}".format, NAMES, VALUES),
    st.builds("--config.{}".format, NAMES),
    st.builds("--noconfig.{}".format, NAMES),
    st.builds("{}={}".format, st.sampled_from(OPTIONS), VALUES),
    st.sampled_from([*OPTIONS, "--", "-", "---", "-h", "--config=configs/folder.py:"]),
    VALUES,
)
CONFIGS = st.sampled_from(
    ["configs/quickstart.py", "configs/game_covers.py", "configs/folder.py:x"]
)


def parse_train(words: Sequence[str]) -> None:
    """What `gv-jax train` does before it reads images."""
    options, fields = make_train_parser().parse_with_fields(words)
    validate(resolve(load_config(options.config, fields)))


def parse_ablate(words: Sequence[str]) -> None:
    make_ablate_parser().parse_with_fields(words)


def parse_search(words: Sequence[str]) -> None:
    make_search_parser().parse_with_fields(words)


def run(parse, words: Sequence[str]) -> tuple[object, str]:
    """(exit status, standard error) of a command."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="strict")
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="strict")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        with pytest.raises(SystemExit) as stop:
            run_command(parse, words)
        err.flush()
    return stop.value.code, err.buffer.getvalue().decode("utf-8")


def check(parse, words: Sequence[str]) -> None:
    before = sorted(os.listdir())
    status, text = run(parse, words)
    assert status in (0, 2)
    assert text.count("\n") == (status == 2)
    assert text.startswith("gv_jax: ") == (status == 2)
    assert "Traceback" not in text
    assert sorted(os.listdir()) == before


@given(CONFIGS, st.lists(WORDS, max_size=4))
@example("configs/quickstart.py", ["--config.data.size=(1,"])
@example("configs/quickstart.py", ["--config.train.epochs=" + "9" * 5000])
@example("configs/quickstart.py", ["--config.finetune.unfreeze_epochs=1e400"])
@example("configs/quickstart.py", ["--data-records=~nobody/x"])
@settings(settings.get_profile("fast"))
def test_train(config, words):
    check(parse_train, [f"--config={config}", *words])


@given(NAMES, VALUES)
@settings(settings.get_profile("fast"))
def test_one_field(name, value):
    check(parse_train, ["--config=configs/quickstart.py", f"--config.{name}={value}"])


@pytest.mark.slow
@given(CONFIGS, st.lists(WORDS, max_size=5))
@settings(settings.get_profile("slow"), max_examples=1_000)
def test_train_with_many_more(config, words):
    check(parse_train, [f"--config={config}", *words])


@pytest.mark.parametrize("parse", [parse_members, parse_ablate, parse_search])
@given(words=st.lists(WORDS, max_size=4))
@settings(settings.get_profile("fast"))
def test_the_other_commands(parse, words):
    check(parse, words)
