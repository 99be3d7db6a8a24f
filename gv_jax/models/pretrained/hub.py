"""Weights of the Hugging Face hub, `hub:timm/resnet18.a1_in1k`, downloaded once into its cache."""

import hashlib
import importlib.util
from contextlib import suppress
from pathlib import Path

from gv_jax.errors import UserError
from gv_jax.models.pretrained.card import CARD_NAME

HUB_PREFIX = "hub:"
WEIGHTS_NAME, CFG_NAME = "model.safetensors", "config.json"


def fetch(source: str, cache: Path | None = None) -> Path:
    """Returns the file of weights, with its config.json and the model's card beside it.

    The card is downloaded with the weights; without one there is none.

    Args:
        source: "hub:OWNER/NAME".
        cache: folder of downloads; None: the hub's own. The network is not used if it has weights
            and config.json.

    Raises:
        UserError: no huggingface_hub package, no network, an unknown name, or a file whose SHA-256
            is not that in its cache entry.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise UserError(
            f"config.model.pretrained: {source} needs huggingface_hub: pip install -e '.[hub]'"
        )
    name = source.removeprefix(HUB_PREFIX)
    if name.count("/") != 1 or not all(name.split("/")):
        raise UserError(
            f"config.model.pretrained: {source} is not hub:OWNER/NAME, "
            "as in hub:timm/resnet18.a1_in1k"
        )
    is_new = not is_cached(name, cache)
    file, _ = (fetch_file(name, filename, cache) for filename in (WEIGHTS_NAME, CFG_NAME))
    if is_new:
        with suppress(UserError):
            fetch_file(name, CARD_NAME, cache)
    verify_checksum(file)
    return file


def is_cached(name: str, cache: Path | None) -> bool:
    """Whether the cache has the weights of a model on the hub."""
    from huggingface_hub import try_to_load_from_cache

    try:
        return isinstance(try_to_load_from_cache(name, WEIGHTS_NAME, cache_dir=cache), str)
    except ValueError:  # no valid name
        return False


def fetch_file(name: str, filename: str, cache: Path | None) -> Path:
    """Returns one file of a model on the hub, from the cache or downloaded.

    Args:
        name: of the model, OWNER/NAME.
        filename: in its repository.
        cache: folder of downloads; None: the hub's own.
    """
    # An optional dependency, and slow to import.
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # without a network it logs each of many retries
    # The download's own local_files_only still opens a connection, for telemetry.
    try:
        cached = try_to_load_from_cache(name, filename, cache_dir=cache)
        if isinstance(cached, str):
            return Path(cached)
        return Path(hf_hub_download(name, filename, cache_dir=cache))
    except HFValidationError as error:
        raise UserError(
            f"config.model.pretrained: {name} is not a valid name on the hub"
        ) from error
    except RepositoryNotFoundError as error:
        raise UserError(f"config.model.pretrained: the hub has no public model {name}") from error
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"config.model.pretrained: {name} is not in the cache and the hub is unreachable: "
            "connect to the network once, or give a file of weights"
        ) from error
    except EntryNotFoundError as error:
        raise UserError(f"config.model.pretrained: {name} on the hub has no {filename}") from error
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"config.model.pretrained: download of {name} failed ({reason})") from error


def verify_checksum(file: Path) -> None:
    """UserError unless the content has its SHA-256: the cache names large files by it."""
    blob = file.resolve()
    if len(blob.name) != 64 or blob.parent.name != "blobs":
        return
    with blob.open("rb") as content:
        checksum = hashlib.file_digest(content, "sha256").hexdigest()
    if checksum != blob.name:
        raise UserError(
            f"config.model.pretrained: {blob} is damaged (its SHA-256 is {checksum}): "
            "delete it and start again"
        )
