"""The linear probe: every picture goes through the network once, and only a new last layer is found for it."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.data.augment.tta import Transform
from gv_jax.data.sampling import padded_batches
from gv_jax.distributed import compiler_options
from gv_jax.training.checkpoint import Checkpoints, snapshot
from gv_jax.training.fit import Progress
from gv_jax.training.linear import fit_cv
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule, TrainState, make_features
from gv_jax.training.task import Task

NORM_MARGIN = 2.0  # times the longest vector of a pixel that was met


def fit_probe(
    network: SplitModule,
    state: TrainState,
    task: Task,
    feed: Callable[[np.ndarray], Any],
    validate: Callable[[TrainState], dict[str, float]] | None,
    folder: RunDir,
    *,
    layer: str,
    transforms: Sequence[Transform],
    batch_size: int,
    dtype: Any,
    method: str,
    labels: np.ndarray,
    num_classes: int,
    l2: tuple[float, ...],
    folds: np.ndarray,
) -> tuple[dict[str, Any], Progress, dict[str, Any]]:
    """Finds the last layer and saves everything as a training of one step; (weights, progress, the penalty and why).

    layer: its dotted path. views: the picture alone, or with its mirror image, from which it learns too. feed: from
    indices to a batch of the training split, whose labels [n] are given. The rest is as for `choose`.
    """
    began = time.monotonic()
    features = make_features(network, task, layer, transforms, dtype=dtype)
    features = jax.jit(features, compiler_options=compiler_options())
    found, longest = extract_features(features, state, feed, len(labels), batch_size)
    mirrored = found[:, 1] if found.shape[1] > 1 else None
    chosen = fit_cv(method, found[:, 0], labels, num_classes, l2, folds, mirrored)
    state = replace_head(state, layer, chosen.kernel, chosen.bias, longest)
    progress = Progress(step=1, best_step=1, seconds=time.monotonic() - began)
    answers = found[:, 0] @ chosen.kernel + chosen.bias
    shown = {
        "step": 1,
        "epoch": 1,
        "images_per_second": found.shape[1] * len(labels) / progress.seconds,
    }
    folder.truncate_log(0)
    folder.log({**shown, "split": "train", "accuracy": float((answers.argmax(1) == labels).mean())})
    if validate is not None:
        folder.log({"step": 1, "epoch": 1, "split": "valid", **validate(state)})
    best = snapshot(state)
    with Checkpoints(folder.checkpoints) as checkpoints:
        checkpoints.save(1, state, best, vars(progress))
    return best, progress, {"penalty": chosen.penalty, "held_out_accuracies": chosen.accuracies}


def extract_features(
    features: Callable[..., Any],
    state: TrainState,
    feed: Callable[[np.ndarray], Any],
    size: int,
    batch_size: int,
) -> tuple[np.ndarray, float]:
    """The features of all pictures of a split [n v f], and the longest vector of all."""
    rows, longest = [], 0.0
    for indices, mask in padded_batches(size, batch_size):
        means, lengths = features(*state.eval_weights, feed(indices))
        rows.append(np.asarray(means)[mask])
        longest = max(longest, float(np.asarray(lengths).max()))
    return np.concatenate(rows), longest


def replace_head(
    state: TrainState, layer: str, kernel: np.ndarray, bias: np.ndarray, longest: float
) -> TrainState:
    """`state` with a linear layer, or a 1x1 convolution, of these weights, in the average too.

    A convolution may stand before a ReLU, so all of its answers are raised by one number, which changes no
    probability, until they are above 0 for vectors of up to MARGIN times the length of the `longest` one met.
    """
    if get_path(state.params, layer)["kernel"].ndim == 4:
        bias = (
            bias
            + NORM_MARGIN * longest * float(np.linalg.norm(kernel, axis=0).max())
            + float(np.abs(bias).max())
        )

    def changed(params: Any) -> Any:
        mine = get_path(params, layer)
        new = {"kernel": kernel, "bias": bias}
        new = {
            name: jnp.asarray(value.reshape(mine[name].shape), jnp.float32)
            for name, value in new.items()
        }
        return set_path(params, layer.split("."), {**mine, **new})

    ema = {**state.ema, "params": changed(state.ema["params"])} if state.ema else {}
    return state._replace(step=state.step + 1, params=changed(state.params), ema=ema)


def get_path(params: Any, path: str) -> Any:
    """What is at the dotted path of nested dicts, whose keys are names or numbers."""
    for part in path.split("."):
        params = params[int(part) if part.isdigit() else part]
    return params


def set_path(params: Any, path: list[str], value: Any) -> Any:
    """`params` with `value` at `path`."""
    if not path:
        return value
    key = int(path[0]) if path[0].isdigit() else path[0]
    return {**params, key: set_path(params[key], path[1:], value)}
