"""The license of weights is read from where it may be, recorded, and remarked on."""

import json

import numpy as np
import pytest
from ml_collections import ConfigDict
from safetensors.numpy import save_file

from gv_jax.errors import UserError
from gv_jax.models.pretrained.license import WeightsLicense, read_license
from gv_jax.models.pretrained.weights_record import (
    license_remark,
    record_weights,
    recorded_license,
)

TENSORS = {"fc.bias": np.zeros(3, np.float32)}
CFG = {"license": "CC BY 4.0", "mean": [0.5]}
OWN = "---\nlicense: other\nlicense_name: dinov3-license\nlicense_link: https://a.b/c\n---\n"


@pytest.fixture
def weights(tmp_path):
    save_file(TENSORS, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def write_card(weights, text):
    weights.with_name("README.md").write_text(text)


def record(weights):
    return record_weights(ConfigDict({"name": "resnet18", "pretrained": str(weights)}))


def test_without_a_statement_it_is_unknown(weights):
    assert read_license(weights) == WeightsLicense()
    write_card(weights, "---\nlicense: unknown\n---\n")
    assert str(read_license(weights)) == "unknown"
    assert record(weights) == {"source": str(weights), "license": "unknown"}
    assert recorded_license(record(weights)) == WeightsLicense()
    assert not license_remark(record(weights))


def test_the_card_goes_before_metadata_and_these_before_json(weights):
    weights.with_name("config.json").write_text(json.dumps({"pretrained_cfg": CFG}))
    assert read_license(weights).ids == ("cc-by-4.0",)
    save_file(TENSORS, weights, {"pretrained_cfg": json.dumps({"license": "bsd-3-clause"})})
    assert read_license(weights).ids == ("bsd-3-clause",)
    save_file(TENSORS, weights, {"license": "MIT"})
    assert read_license(weights).ids == ("mit",)
    write_card(weights, "---\nlicense: Apache 2.0\n---\n")
    assert read_license(weights).ids == ("apache-2.0",)


@pytest.mark.parametrize("name", ["config.json", "model.json"])
@pytest.mark.parametrize("content", [{"license": "mit"}, {"pretrained_cfg": {"license": "mit"}}])
def test_json_files_beside_the_weights_are_read(weights, name, content):
    weights.with_name(name).write_text(json.dumps(content))
    assert read_license(weights).ids == ("mit",)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b'{"license": 3}', b"[" * 90000])
def test_json_without_a_license_states_none(weights, content):
    weights.with_name("config.json").write_bytes(content)
    assert read_license(weights) == WeightsLicense()


def test_npz_has_a_card_too(tmp_path):
    np.savez(tmp_path / "model.npz", **TENSORS)
    write_card(tmp_path / "model.npz", "---\nlicense: mit\n---\n")
    assert read_license(tmp_path / "model.npz").ids == ("mit",)


def test_a_name_without_identifier_is_that_of_an_own_license(weights):
    write_card(weights, "---\nlicense_name: own terms\n---\n")
    assert read_license(weights) == WeightsLicense(("other",), "own terms")


@pytest.mark.parametrize(
    ("card", "text", "remark"),
    [
        ("---\nlicense: mit\n---\n", "mit", ()),
        ("---\nlicense: cc-by-nc-4.0\n---\n", "cc-by-nc-4.0", ("commercial use",)),
        ("---\nlicense: [mit, CC-BY-NC-4.0]\n---\n", "mit, cc-by-nc-4.0", ("commercial use",)),
        (OWN, "other (dinov3-license)", ("dinov3-license", "https://a.b/c")),
        (OWN.replace("license: other", "license: dinov3-license"), "dinov3-license", ("a.b/c",)),
        (OWN.replace("dinov3-license", "x-nc"), "other (x-nc)", ("commercial use", "a.b/c")),
    ],
)
def test_restrictions_are_remarked_on_in_one_line(weights, card, text, remark):
    write_card(weights, card)
    assert str(read_license(weights)) == text
    assert recorded_license(record(weights)) == read_license(weights)
    line = license_remark(record(weights))
    assert bool(line) == bool(remark)
    assert "\n" not in line
    assert all(part in line for part in (*remark, *([text, str(weights)] if remark else [])))


def test_long_names_with_line_ends_are_cut_to_one_line(weights):
    text = 'x" \\n ' * 1000
    write_card(weights, f"---\nlicense: other\nlicense_name: '{text}'\n---\n")
    save_file(TENSORS, weights, {"license": "a\nb"})
    assert len(read_license(weights).name) <= 200
    write_card(weights, "")
    assert read_license(weights).ids == ("a-b",)


def test_no_weights_have_no_record(tmp_path):
    assert record_weights(ConfigDict({"name": "resnet18", "pretrained": ""})) == {}
    assert license_remark({}) == ""
    with pytest.raises(UserError, match="missing"):
        record(tmp_path / "missing.safetensors")
