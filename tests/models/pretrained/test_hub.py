"""Weights of the hub: read from its cache without a network, checksum, one-line errors."""

import hashlib

import numpy as np
import pytest
from safetensors.numpy import save

from gv_jax.errors import UserError
from gv_jax.models.pretrained import hub
from gv_jax.models.pretrained.license import read_license

httpx2 = pytest.importorskip("httpx2")
pytest.importorskip("huggingface_hub")
SOURCE = "hub:timm/tiny.a1"
COMMIT = "0" * 40


@pytest.fixture(autouse=True)
def requests(monkeypatch):
    """Refuses each connection and records it."""
    urls = []

    def refuse(self, request, **options):
        urls.append(request.url)
        raise httpx2.ConnectError("no network", request=request)

    monkeypatch.setattr(httpx2.Client, "send", refuse)
    return urls


@pytest.fixture
def cache(tmp_path):
    """A folder as huggingface_hub leaves it after a download."""
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


def test_cached_files_need_no_network(cache, requests):
    file = hub.fetch(SOURCE, cache)
    assert file.read_bytes() == b"weights"
    assert file.with_name("config.json").read_text() == "{}"
    assert not requests


@pytest.mark.parametrize("has_card", [True, False])
def test_the_card_is_downloaded_with_the_weights(tmp_path, monkeypatch, has_card):
    from huggingface_hub.errors import EntryNotFoundError

    asked = []

    def download(name, filename, cache_dir):
        asked.append(filename)
        if filename == "README.md" and not has_card:
            raise EntryNotFoundError("404")
        (tmp_path / filename).write_text("---\nlicense: mit\n---\n")
        return str(tmp_path / filename)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    file = hub.fetch(SOURCE, tmp_path / "cache")
    assert asked == ["model.safetensors", "config.json", "README.md"]
    assert file.with_name("README.md").exists() == has_card


def test_the_card_is_read_from_the_cache(cache, requests):
    file = hub.fetch(SOURCE, cache)
    file.with_name("README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    file.with_name("config.json").unlink()  # of made-up content
    file.resolve().write_bytes(save({"fc.bias": np.zeros(3, np.float32)}))
    assert read_license(file).ids == ("cc-by-nc-4.0",)
    assert not requests


def test_error_for_a_damaged_file_has_its_name_and_checksum(cache):
    blob = hub.fetch(SOURCE, cache).resolve()
    blob.write_bytes(b"weighs")
    checksum = hashlib.sha256(b"weighs").hexdigest()
    with pytest.raises(UserError, match=f"config.model.pretrained.*{blob.name}.*{checksum}"):
        hub.fetch(SOURCE, cache)


def test_error_without_a_network_is_one_line(tmp_path, monkeypatch, requests, caplog):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between the retries of the package
    with pytest.raises(UserError, match=r"config\.model\.pretrained.*timm/tiny\.a1") as caught:
        hub.fetch(SOURCE, tmp_path)
    assert "\n" not in str(caught.value)
    assert len(requests) > 1
    assert not caplog.records


@pytest.mark.parametrize("source", ["hub:resnet18", "hub:timm/", "hub:a/b/c", "hub:timm/re snet"])
def test_error_for_an_invalid_name(tmp_path, source, requests):
    with pytest.raises(UserError, match=source.removeprefix("hub:")):
        hub.fetch(source, tmp_path)
    assert not requests


def test_error_without_the_package_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"huggingface_hub.*\[hub\]"):
        hub.fetch(SOURCE, tmp_path)
