"""The linear probe: a new classifier layer, fitted to the fixed features of a network."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from gv_jax.data.augment.tta import Transform
from gv_jax.data.sampling import padded_batches
from gv_jax.data.splits.kfold import assign_folds, labels_to_classes
from gv_jax.distributed import compiler_options
from gv_jax.errors import UserError
from gv_jax.training.checkpoint import Checkpoints, snapshot
from gv_jax.training.features import make_features
from gv_jax.training.fit import Progress
from gv_jax.training.linear import ProbeKind, fit_cv
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule, TrainState, Tree
from gv_jax.training.task import Batch, Task

NORM_MARGIN = 2.0  # factor on the largest norm of the vector of one pixel


def fit_probe(
    network: SplitModule,
    state: TrainState,
    task: Task,
    get_batch: Callable[[np.ndarray], Batch],
    validate: Callable[[TrainState], dict[str, float]] | None,
    run_dir: RunDir,
    *,
    layer: str,
    transforms: Sequence[Transform],
    batch_size: int,
    dtype: Any,
    kind: ProbeKind,
    method: str,
    targets: np.ndarray,
    l2: tuple[float, ...],
    folds: np.ndarray | None,
) -> tuple[dict[str, Any], Progress, dict[str, Any]]:
    """Fits the classifier layer; logs and saves the result as a training of one step.

    Args:
        network: in evaluation mode.
        state: the network's weights.
        task: makes the network inputs.
        get_batch: from indices [b] to a batch of the training split.
        validate: metrics of a state on the validation split.
        run_dir: where it is logged and saved.
        layer: dotted path of the classifier layer.
        transforms: the identity, or the identity and the mirroring, whose features are fitted too.
        batch_size: images per batch.
        dtype: what the network computes in.
        kind: of the labels.
        method: in linear.SOLVERS.
        targets: of the training split, one-hot or multi-hot [n k].
        l2: penalties to choose from.
        folds: the cross-validation fold of each image, int [n], or None.

    Returns:
        The weights to report {"params", "batch_stats"}; the progress; the method, the chosen
        penalty and {"penalty", "held_out_METRIC", "used"} of every penalty.
    """
    started = time.monotonic()
    extract = make_features(network, task, layer, transforms, dtype=dtype)
    extract = jax.jit(extract, compiler_options=compiler_options())
    features, max_norm = extract_features(extract, state, get_batch, len(targets), batch_size)
    num_transforms = features.shape[1]
    flipped = features[:, 1] if num_transforms > 1 else None
    cv = fit_cv(kind, method, features[:, 0], targets, l2, folds, flipped)
    state = replace_head(state, layer, cv.kernel, cv.bias, max_norm)
    progress = Progress(step=1, best_step=1, seconds=time.monotonic() - started)
    train_row = {
        "step": 1,
        "epoch": 1,
        "images_per_second": num_transforms * len(targets) / progress.seconds,
        "split": "train",
        kind.metric: kind.score(features[:, 0] @ cv.kernel + cv.bias, targets),
    }
    run_dir.truncate_log(0)
    run_dir.log(train_row)
    if validate is not None:
        run_dir.log({"step": 1, "epoch": 1, "split": "valid", **validate(state)})
    best = snapshot(state)
    with Checkpoints(run_dir.checkpoints) as checkpoints:
        checkpoints.save(1, state, best, asdict(progress))
    choice = {
        "method": method,
        "penalty": cv.penalty,
        "penalties": [
            {"penalty": penalty, f"held_out_{kind.metric}": score, "used": penalty == cv.penalty}
            for penalty, score in cv.held_out.items()
        ],
    }
    return best, progress, choice


def make_probe_folds(
    labels: np.ndarray, groups: Sequence[str], folds: int, seed: int, num_penalties: int
) -> np.ndarray | None:
    """The cross-validation fold of each image, int [n]; None if it is neither possible nor needed.

    Args:
        labels: of the training split, int [n] or multi-hot [n k].
        groups: the group of each image; a group is never divided.
        folds: number of folds.
        seed: of the assignment.
        num_penalties: number of penalties to choose from.

    Raises:
        UserError: no class has two groups, or there are fewer groups than folds.
    """
    classes = labels_to_classes(labels)
    groups_of: defaultdict[int, set[str]] = defaultdict(set)
    for group, image_classes in zip(groups, classes, strict=True):
        for label in image_classes:
            groups_of[label].add(group)
    if max(map(len, groups_of.values()), default=0) < 2:
        if num_penalties == 1:
            return None
        raise UserError(
            f"config.probe.folds={folds}: no class has 2 images or groups of images for "
            "cross-validation; add images, or give one penalty, which needs none, as in "
            "'--config.probe.l2=(10.0,)'"
        )
    if len(set(groups)) < folds:
        raise UserError(
            f"config.probe.folds={folds}: the training split has only {len(set(groups))} groups of "
            f"images; give --config.probe.folds={len(set(groups))} or fewer"
        )
    return assign_folds(classes, groups, folds, seed)


def extract_features(
    extract: Callable[[Tree, Tree, Batch], tuple[jax.Array, jax.Array]],
    state: TrainState,
    get_batch: Callable[[np.ndarray], Batch],
    num_images: int,
    batch_size: int,
) -> tuple[np.ndarray, float]:
    """The features of all images of a split.

    Args:
        extract: made by `make_features`.
        state: the network's weights.
        get_batch: from indices [b] to a batch.
        num_images: of the split.
        batch_size: images per batch.

    Returns:
        Features [n t f], t the transforms, and the largest norm of the vector of one pixel.
    """
    rows, max_norm = [], 0.0
    for indices, mask in padded_batches(num_images, batch_size):
        features, norms = extract(*state.eval_weights, get_batch(indices))
        rows.append(np.asarray(features)[mask])
        max_norm = max(max_norm, float(np.asarray(norms).max()))
    return np.concatenate(rows), max_norm


def replace_head(
    state: TrainState, layer: str, kernel: np.ndarray, bias: np.ndarray, max_norm: float
) -> TrainState:
    """`state` with new weights of its classifier layer, in the EMA too.

    A 1x1 convolution may stand before a ReLU. One constant is added to all of its outputs, which
    changes no probability, so that they are above 0 for vectors of up to NORM_MARGIN * `max_norm`.

    Args:
        state: before.
        layer: dotted path of a linear layer or a 1x1 convolution.
        kernel: [f k].
        bias: [k].
        max_norm: the largest norm of the vector of one pixel.
    """
    path = tuple(int(part) if part.isdigit() else part for part in layer.split("."))
    leaves: dict[tuple[Any, ...], Any] = flatten_dict(state.params)
    shape = leaves[*path, "kernel"].shape
    if len(shape) == 4:
        largest_output = NORM_MARGIN * max_norm * float(np.linalg.norm(kernel, axis=0).max())
        bias = bias + largest_output + float(np.abs(bias).max())

    def replace(params: Tree) -> Tree:
        leaves: dict[tuple[Any, ...], Any] = flatten_dict(params, keep_empty_nodes=True)
        for name, value in (("kernel", kernel.reshape(shape)), ("bias", bias)):
            leaves[*path, name] = jnp.asarray(value, jnp.float32)
        return unflatten_dict(leaves)

    ema = {**state.ema, "params": replace(state.ema["params"])} if state.ema else {}
    return state._replace(step=state.step + 1, params=replace(state.params), ema=ema)
