"""Fitted linear classifiers on disk: the same fit of the same features is computed once.

A file is written once, appears complete or not at all, and may be deleted at any time.
"""

import hashlib
import inspect
import json
import logging
import uuid
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gv_jax.errors import UNWRITABLE
from gv_jax.training import cross_validation, linear, probe_baselines, ridge
from gv_jax.training.cross_validation import CVResult

LOGGER = logging.getLogger(__name__)
CODE = (cross_validation, linear, probe_baselines, ridge)  # a change of it may change a fit
Fit = tuple[CVResult, list[dict[str, Any]]]  # and the rows of its baselines


def name_fit(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> str:
    """A file name for what a fit depends on.

    Args:
        arrays: labels, folds and hashes of the images, by name.
        facts: the rest; JSON values.
    """
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for module in CODE:
        digest.update(inspect.getsource(module).encode())
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return f"fit-{digest.hexdigest()[:32]}.npz"


def reuse_fit(file: Path | None, fit: Callable[[], Fit]) -> tuple[Fit, bool]:
    """The fit stored in `file`; else that of `fit`, which is stored.

    Args:
        file: as of `name_fit`; None: nothing is stored.
        fit: computes it.

    Returns:
        The fit, and whether it was stored before.
    """
    if file is None:
        return fit(), False
    stored = read_fit(file)
    if stored is not None:
        return stored, True
    computed = fit()
    write_fit(file, computed)
    return computed, False


def read_fit(file: Path) -> Fit | None:
    """The fit in a file; None if there is none, or if it is damaged."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            facts = json.loads(arrays["facts"].item())
            result = CVResult(
                arrays["kernel"],
                arrays["bias"],
                facts["penalty"],
                dict(facts["held_out"]),
                tuple(facts["fold_scores"]),
                facts["is_edge"],
            )
        return result, facts["baselines"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile):
        LOGGER.warning("%s is damaged: the classifier is fitted again", file)
        return None


def write_fit(file: Path, fit: Fit) -> None:
    """Stores a fit; not if there is no space."""
    result, baselines = fit
    facts = {
        "penalty": result.penalty,
        "held_out": list(result.held_out.items()),
        "fold_scores": result.fold_scores,
        "is_edge": result.is_edge,
        "baselines": baselines,
    }
    partial = file.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            np.savez(stream, kernel=result.kernel, bias=result.bias, facts=json.dumps(facts))
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.errno not in UNWRITABLE:
            raise
        LOGGER.warning("%s: the fit is not stored (%s)", file.parent, error.strerror)
