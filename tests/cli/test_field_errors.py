"""Values of a wrong type: the line names the field, its type and an example."""

import pytest

from gv_jax.cli.flags import load_config
from gv_jax.errors import UserError

QUICKSTART = "configs/quickstart.py"


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("train.epochs", "abc", ["whole number", "=12"]),
        ("train.epochs", "1.5", ["whole number", "=12"]),
        ("train.epochs", "", ["whole number", "=12"]),
        ("seed", "4e3", ["whole number", "=0"]),
        ("train.ema", "much", ["a number", "=0.0"]),
        ("tta.flip", "maybe", ["True or False", "=False"]),
    ],
)
def test_a_value_of_a_wrong_type_is_explained(field, text, words):
    with pytest.raises(UserError) as error:
        load_config(QUICKSTART, {"model.dropout": "0.5", field: text, "data.size": "(8,8)"})
    message = str(error.value)
    assert message.startswith(f"--config.{field}={text}: ")
    assert all(word in message for word in words)
    assert not {"literal", "Non-boolean", "convert", "int()"} & set(message.split())


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        *[("tta.flip", text, True) for text in ("True", "true", "1", "t")],
        *[("tta.flip", text, False) for text in ("False", "0")],
        ("train.epochs", " 7 ", 7),
        ("train.ema", "1e-1", 0.1),
        ("train.report_epochs", "3", (3,)),
        ("model.name", "3", "3"),
    ],
)
def test_valid_values_are_taken(field, text, value):
    section, _, name = field.partition(".")
    assert load_config(QUICKSTART, {field: text})[section][name] == value
