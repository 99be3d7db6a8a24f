"""The penalty of a linear classifier, chosen by cross-validation in the training split."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gv_jax.errors import UserError
from gv_jax.training.linear import ProbeKind, Solver
from gv_jax.training.ridge import held_out_ridge

LOGGER = logging.getLogger(__name__)
MAX_EXTENSIONS = 4  # penalties tried beyond the given ones


@dataclass(frozen=True)
class CVResult:
    """A classifier and what cross-validation says of its penalty.

    Attributes:
        kernel: [f k].
        bias: [k].
        penalty: the chosen one.
        held_out: penalty -> held-out score, in ascending order; {} without folds.
        fold_scores: held-out score of each fold, for the chosen penalty; () without folds.
        is_edge: whether the best penalty is the smallest or largest one that was tried.
    """

    kernel: np.ndarray
    bias: np.ndarray
    penalty: float
    held_out: Mapping[float, float]
    fold_scores: tuple[float, ...] = ()
    is_edge: bool = False


def fit_cv(
    kind: ProbeKind,
    method: str,
    features: np.ndarray,
    targets: np.ndarray,
    l2: Sequence[float],
    folds: np.ndarray | None,
    flipped: np.ndarray | None = None,
) -> CVResult:
    """Fits all `features` with the penalty of the best held-out score.

    Of equally good penalties the largest is chosen. If the best one is the smallest or the largest
    of several, up to MAX_EXTENSIONS further ones are tried. Scores of ridge regression are no
    logits: they are calibrated on the held-out folds, or on the fitted images without folds.

    Args:
        kind: of the labels.
        method: in SOLVERS.
        features: float [n f].
        targets: one-hot or multi-hot [n k].
        l2: penalties to choose from. They apply to features that are scaled, by one factor, to a
            mean square of 1 about their means.
        folds: the fold of each image, int [n]; None: no cross-validation, of one penalty.
        flipped: features of the mirrored images [n f]; they are fitted too, in the folds of their
            images, but not evaluated.

    Raises:
        UserError: a penalty that is not above 0.
    """
    check_l2(l2)
    count, targets = len(features), targets.astype(np.float64)
    views = (features,) if flipped is None else (features, flipped)
    scale = 1 / max(root_mean_square(features), 1e-12)
    rows = np.concatenate(views)
    rows *= np.asarray(scale, rows.dtype)
    tiled = np.tile(targets, (len(views), 1))
    solve = kind.solvers[method]
    penalty, scores, held_out, is_edge = l2[0], None, {}, False
    if folds is not None:
        tiled_folds = np.tile(folds, len(views))
        tried: dict[float, np.ndarray] = {}
        candidates = sorted(set(l2))
        while candidates:
            all_scores = cross_validate(solve, method, rows, tiled, candidates, tiled_folds, count)
            tried |= dict(zip(candidates, all_scores, strict=True))
            held_out = {value: kind.score(tried[value], targets) for value in sorted(tried)}
            penalty = max(held_out, key=lambda value: (held_out[value], value))
            is_edge = len(set(l2)) > 1 and is_best_at_edge(held_out, penalty)
            can_extend = is_edge and len(tried) < len(set(l2)) + MAX_EXTENSIONS
            candidates = [next_penalty(sorted(tried), penalty)] if can_extend else []
        scores = tried[penalty]
        if is_edge:
            LOGGER.warning(
                "config.probe.l2: the best penalty, %g, is at the edge of those tried", penalty
            )
    ((kernel, bias),) = solve(rows, tiled, (penalty,))
    if scores is None:
        scores = rows[:count] @ kernel + bias
    factor, offset = kind.calibrate(scores, targets) if method == "ridge" else (1.0, 0.0)
    fold_scores = () if folds is None else score_by_fold(kind, scores, targets, folds)
    return CVResult(
        kernel * scale * factor, bias * factor + offset, penalty, held_out, fold_scores, is_edge
    )


def is_best_at_edge(held_out: Mapping[float, float], penalty: float) -> bool:
    """Whether the best penalty is the first or last one, and a further one may be better.

    None is better than a score of 1 that the penalty beside it has too.

    Args:
        held_out: penalty -> score, ascending.
        penalty: the best one.
    """
    penalties = list(held_out)
    if penalty not in (penalties[0], penalties[-1]):
        return False
    neighbor = penalties[1] if penalty == penalties[0] else penalties[-2]
    return held_out[penalty] < 1 or held_out[neighbor] < 1


def root_mean_square(features: np.ndarray) -> float:
    """Of the features [n f] about their means."""
    variances = features.var(0, dtype=np.float64)
    return float(np.sqrt(variances.mean()))


def next_penalty(penalties: Sequence[float], edge: float) -> float:
    """The penalty beyond an end of an ascending list, in the ratio of the two next to it."""
    neighbor = penalties[-2] if edge == penalties[-1] else penalties[1]
    return float(f"{edge * edge / neighbor:.6g}")  # 1 after 100 and 10, not 1.0000000000000002


def cross_validate(
    solve: Solver,
    method: str,
    rows: np.ndarray,
    targets: np.ndarray,
    l2: Sequence[float],
    folds: np.ndarray,
    count: int,
) -> np.ndarray:
    """Held-out scores of the first `count` rows for every penalty [p count k].

    Args:
        solve: the solver.
        method: its name.
        rows: features of all views [m f].
        targets: [m k].
        l2: penalties.
        folds: of each row, int [m].
        count: of the rows that are scored.
    """
    if method == "ridge":
        return held_out_ridge(rows, targets, folds, l2, count)
    scores = np.zeros((len(l2), count, targets.shape[1]))
    for fold in np.unique(folds):
        fitted, scored = folds != fold, np.flatnonzero(folds[:count] == fold)
        for index, (kernel, bias) in enumerate(solve(rows[fitted], targets[fitted], l2)):
            scores[index, scored] = rows[scored] @ kernel + bias
    return scores


def score_by_fold(
    kind: ProbeKind, scores: np.ndarray, targets: np.ndarray, folds: np.ndarray
) -> tuple[float, ...]:
    """The score of each fold of the images [n k], in the order of the folds."""
    return tuple(
        kind.score(scores[folds == fold], targets[folds == fold]) for fold in np.unique(folds)
    )


def check_l2(l2: Sequence[float]) -> None:
    """Raises UserError unless there are penalties and all are above 0."""
    if not l2 or not all(0 < penalty < float("inf") for penalty in l2):
        raise UserError(f"config.probe.l2={tuple(l2)}: give one or more penalties, all above 0")
