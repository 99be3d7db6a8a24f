"""Weights from the Hugging Face hub: `hub:timm/resnet18.a1_in1k`, kept in its cache and read from there ever after."""

import hashlib
import importlib.util
from pathlib import Path

from gv_jax.errors import UserError

HUB_PREFIX = "hub:"
WEIGHT_FILES, CFG_FILE = "model.safetensors", "config.json"


def fetch(source: str, cache: Path | None = None) -> Path:
    """The file of weights of `source`, "hub:OWNER/NAME", with its card beside it.

    Nothing is asked of the network where `cache` (the hub's own folder where None) has both files. UserError without
    the package, without a network where one is needed, for a name that the hub doesn't know, and for a file whose
    SHA-256 is not the one that it is kept under.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise UserError(
            f"config.model.pretrained: {source} needs huggingface_hub: pip install -e '.[hub]'"
        )
    name = source.removeprefix(HUB_PREFIX)
    if name.count("/") != 1 or not all(name.split("/")):
        raise UserError(
            f"config.model.pretrained: {source} is not hub:OWNER/NAME, as in hub:timm/resnet18.a1_in1k"
        )
    file, _ = (select_weight_file(name, part, cache) for part in (WEIGHT_FILES, CFG_FILE))
    verify_checksum(file)
    return file


def select_weight_file(name: str, part: str, cache: Path | None) -> Path:
    from huggingface_hub import (
        hf_hub_download,
        try_to_load_from_cache,
    )  # an extra, and slow to import
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # without a network it tells of every one of many tries
    # The download's own local_files_only connects all the same, to report what it runs under.
    try:
        kept = try_to_load_from_cache(name, part, cache_dir=cache)
        return Path(kept if isinstance(kept, str) else hf_hub_download(name, part, cache_dir=cache))
    except HFValidationError as error:
        raise UserError(
            f"config.model.pretrained: {name} is no name of a model on the hub"
        ) from error
    except RepositoryNotFoundError as error:
        raise UserError(f"config.model.pretrained: the hub has no public model {name}") from error
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"config.model.pretrained: {name} is not here yet and the hub cannot be reached: connect this machine to "
            f"the network once, or give a file of weights"
        ) from error
    except EntryNotFoundError as error:
        raise UserError(f"config.model.pretrained: {name} on the hub has no {part}") from error
    except (HfHubHTTPError, OSError) as error:
        why = str(error).partition("\n")[0]
        raise UserError(
            f"config.model.pretrained: {name} could not be fetched from the hub ({why})"
        ) from error


def verify_checksum(file: Path) -> None:
    """UserError unless the content is what the cache keeps it as: large files are named by their SHA-256."""
    kept = file.resolve()
    named = kept.name
    if len(named) == 64 and kept.parent.name == "blobs":
        with kept.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != named:
            raise UserError(
                f"config.model.pretrained: {kept} is damaged (its SHA-256 is {found}): remove it, start again"
            )
