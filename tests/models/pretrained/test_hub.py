"""Weights of the hub: read from its cache without a network, held to their checksum, and errors of one line."""

import hashlib

import pytest

from gv_jax.errors import UserError
from gv_jax.models.pretrained import hub

httpx2 = pytest.importorskip("httpx2")
pytest.importorskip("huggingface_hub")
SOURCE = "hub:timm/tiny.a1"
COMMIT = "0" * 40


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Every connection is refused, and noted."""
    asked = []

    def refuse(self, request, **options):
        asked.append(request.url)
        raise httpx2.ConnectError("no network", request=request)

    monkeypatch.setattr(httpx2.Client, "send", refuse)
    return asked


@pytest.fixture
def cache(tmp_path):
    """A folder as the hub's package leaves it after a download."""
    root = tmp_path / "models--timm--tiny.a1"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(COMMIT)
    (root / "blobs").mkdir()
    snapshot = root / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for name, content in {"model.safetensors": b"weights", "config.json": b"{}"}.items():
        blob = root / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        (snapshot / name).symlink_to(blob)
    return tmp_path


def test_what_was_fetched_once_needs_no_network(cache, no_network):
    file = hub.fetch(SOURCE, cache)
    assert file.read_bytes() == b"weights"
    assert file.with_name("config.json").read_text() == "{}"
    assert not no_network


def test_a_damaged_file_is_named(cache):
    hub.fetch(SOURCE, cache).resolve().write_bytes(b"weighs")
    with pytest.raises(UserError, match=r"is damaged .*: remove it"):
        hub.fetch(SOURCE, cache)


def test_without_a_network_one_line_says_so(tmp_path, monkeypatch, no_network, caplog):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between the many tries of the package
    with pytest.raises(
        UserError, match=r"timm/tiny\.a1 is not here yet and the hub cannot be reached"
    ) as caught:
        hub.fetch(SOURCE, tmp_path)
    assert "\n" not in str(caught.value)
    assert len(no_network) > 1
    assert not caplog.records


@pytest.mark.parametrize("source", ["hub:resnet18", "hub:timm/", "hub:a/b/c", "hub:timm/re snet"])
def test_what_is_no_name_of_a_model_is_said(tmp_path, source):
    with pytest.raises(UserError, match=r"is not hub:OWNER/NAME|is no name of a model"):
        hub.fetch(source, tmp_path)


def test_without_the_package_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install -e '.\[hub\]'"):
        hub.fetch(SOURCE, tmp_path)
