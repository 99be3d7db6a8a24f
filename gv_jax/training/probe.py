"""The linear probe: a new classifier layer, fitted to the fixed features of a network."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from gv_jax.data.splits.kfold import assign_folds, labels_to_classes
from gv_jax.errors import UserError
from gv_jax.training.checkpoint import Checkpoints, snapshot
from gv_jax.training.cross_validation import CVResult, fit_cv
from gv_jax.training.fit import Progress
from gv_jax.training.fit_cache import name_fit, reuse_fit
from gv_jax.training.linear import ProbeKind
from gv_jax.training.probe_baselines import compare_baselines, mean_interval
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import TrainState, Tree

NORM_MARGIN = 2.0  # factor on the largest norm of the vector of one pixel
MIN_STD = 1e-6  # a feature with a smaller one, relative to its largest value, is constant
STANDARDIZE = ("standardize",)  # path of the constants of a PooledHead


@dataclass(frozen=True)
class ProbeFeatures:
    """The features of a training split.

    Attributes:
        views: float32 [n t f]: of each image and, if used, its mirror image.
        max_norm: the largest norm of the vector of one pixel.
        num_computed: images whose features were not stored.
        hashes: of the images, bytes [n].
        folder: where fits to them are stored; None: they are not.
    """

    views: np.ndarray
    max_norm: float
    num_computed: int
    hashes: np.ndarray
    folder: Path | None


def fit_probe(
    state: TrainState,
    features: ProbeFeatures,
    validate: Callable[[TrainState], dict[str, float]] | None,
    run_dir: RunDir,
    *,
    layer: str,
    kind: ProbeKind,
    method: str,
    targets: np.ndarray,
    l2: tuple[float, ...],
    folds: np.ndarray | None,
    started: float,
) -> tuple[dict[str, Any], Progress, dict[str, Any]]:
    """Fits the classifier layer; logs and saves the result as a training of one step.

    Args:
        state: the network's weights.
        features: inputs of the layer. A fit to them that is stored is not computed again.
        validate: metrics of a state on the validation split.
        run_dir: where it is logged and saved.
        layer: dotted path of the classifier layer.
        kind: of the labels.
        method: in linear.SOLVERS.
        targets: of the training split, one-hot or multi-hot [n k].
        l2: penalties to choose from.
        folds: the cross-validation fold of each image, int [n], or None.
        started: `time.monotonic()` before the features were computed.

    Returns:
        The weights to report {"params", "batch_stats"}; the progress; facts for results.json, see
        `describe_fit`.
    """
    views, pooled = features.views, "standardize" in state.batch_stats
    if pooled:
        mean, inverse_std = measure_features(views)
        views = (views - mean) * inverse_std
        state = replace_standardization(state, mean, inverse_std)
    flipped = views[:, 1] if views.shape[1] > 1 else None
    arrays = {"images": features.hashes, "targets": targets}
    arrays |= {} if folds is None else {"folds": folds}
    facts = {"labels": kind.metric, "method": method, "l2": l2, "views": views.shape[1]}
    (cv, baselines), is_stored = reuse_fit(
        features.folder and features.folder / name_fit(arrays, facts),
        lambda: (
            fit_cv(kind, method, views[:, 0], targets, l2, folds, flipped),
            compare_baselines(kind, views[:, 0], targets, folds),
        ),
    )
    state = replace_head(state, layer, cv.kernel, cv.bias, features.max_norm)
    progress = Progress(step=1, best_step=1, seconds=time.monotonic() - started)
    train_row = {
        "step": 1,
        "epoch": 1,
        "images_per_second": views.shape[0] * views.shape[1] / progress.seconds,
        "split": "train",
        kind.metric: kind.score(views[:, 0] @ cv.kernel + cv.bias, targets),
    }
    run_dir.truncate_log(0)
    run_dir.log(train_row)
    if validate is not None:
        run_dir.log({"step": 1, "epoch": 1, "split": "valid", **validate(state)})
    best = snapshot(state)
    with Checkpoints(run_dir.checkpoints) as checkpoints:
        checkpoints.save(1, state, best, asdict(progress))
    computed = {
        "features": views.shape[2],
        "computed_features": features.num_computed,
        "is_stored_fit": is_stored,
    }
    return best, progress, {**describe_fit(kind, method, cv, baselines), **computed}


def describe_fit(
    kind: ProbeKind, method: str, cv: CVResult, baselines: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The method, the penalty, and held-out scores, for results.json.

    Returns:
        "method", "penalty", "penalty_at_edge"; "penalties": {"penalty", "held_out_METRIC", "used"}
        of each; "held_out": {"metric", "mean", "low", "high", "folds"}, the 95 % t interval over
        folds; "probe_baselines": {"method", "held_out_METRIC", "low", "high"} of the probe and of
        each baseline.
    """
    score_name = f"held_out_{kind.metric}"
    held_out: dict[str, Any] = {}
    rows: list[Mapping[str, Any]] = []
    if cv.fold_scores:
        mean, low, high = mean_interval(cv.fold_scores)
        held_out = {
            "metric": kind.metric,
            "mean": mean,
            "low": low,
            "high": high,
            "folds": list(cv.fold_scores),
        }
        rows = [{"method": f"{method} probe", score_name: mean, "low": low, "high": high}]
    return {
        "method": method,
        "penalty": cv.penalty,
        "penalty_at_edge": cv.is_edge,
        "penalties": [
            {"penalty": penalty, score_name: score, "used": penalty == cv.penalty}
            for penalty, score in cv.held_out.items()
        ]
        or [],
        "held_out": held_out,
        "probe_baselines": [*rows, *baselines],
    }


def measure_features(views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of each feature of [n t f] and one by its standard deviation, float32 [f].

    The second one is 0 for a constant feature.
    """
    mean = views.mean((0, 1), dtype=np.float64)
    std = np.sqrt(views.var((0, 1), dtype=np.float64))
    is_constant = std <= MIN_STD * np.abs(views).max((0, 1))
    inverse = np.where(is_constant, 0, 1 / np.where(is_constant, 1, std))
    return mean.astype(np.float32), inverse.astype(np.float32)


def replace_standardization(
    state: TrainState, mean: np.ndarray, inverse_std: np.ndarray
) -> TrainState:
    """`state` with these constants of its pooled head, in the EMA too."""
    constants = {"mean": jnp.asarray(mean), "inverse_std": jnp.asarray(inverse_std)}
    stats = {**state.batch_stats, "standardize": constants}
    ema = {**state.ema, "batch_stats": stats} if state.ema else {}
    return state._replace(batch_stats=stats, ema=ema)


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
