"""The linear probe of a run: features of its training images, stored or computed, and the fit."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.config.default import Config
from gv_jax.data.arrays import Split
from gv_jax.data.augment.tta import Transform, tta_transforms
from gv_jax.data.sampling import padded_batches
from gv_jax.distributed import compiler_options
from gv_jax.evaluation.evaluator import Runtime
from gv_jax.training.feature_cache import FeatureCache, hash_images, hash_weights
from gv_jax.training.features import make_features
from gv_jax.training.fit import Progress
from gv_jax.training.linear import MULTI_LABEL, SINGLE_LABEL
from gv_jax.training.probe import ProbeFeatures, fit_probe, make_probe_folds
from gv_jax.training.run_dir import RunDir
from gv_jax.training.train_setup import TrainSetup

FOLDER = "features"  # below config.data.root
STORE_ROWS = 1024  # images per file of the cache: an interruption loses no more


def divide_split(
    config: Config, runtime: Runtime, group_of: Callable[[str], str]
) -> np.ndarray | None:
    """The cross-validation fold of each training image, as of `make_probe_folds`.

    Args:
        config: of the run.
        runtime: its data.
        group_of: from the id of an image to its group, which no fold divides.

    Raises:
        UserError: there are too few images.
    """
    split, section = runtime.dataset.splits["train"], config.probe
    groups = list(map(group_of, split.ids))
    labels = np.asarray(split.labels)
    return make_probe_folds(labels, groups, section.folds, config.seed, len(section.l2))


def probe_split(
    config: Config,
    setup: TrainSetup,
    runtime: Runtime,
    run_dir: RunDir,
    folds: np.ndarray | None,
) -> tuple[dict[str, Any], Progress, dict[str, Any]]:
    """Fits the classifier layer to the training split; results as of `fit_probe`.

    Args:
        config: of the run.
        setup: its network.
        runtime: its data.
        run_dir: where the result is saved.
        folds: as of `divide_split`.
    """
    started = time.monotonic()
    split, section = runtime.dataset.splits["train"], config.probe
    labels, is_multi = np.asarray(split.labels), runtime.task.multi_label
    return fit_probe(
        setup.state,
        read_features(config, setup, runtime, split),
        runtime.validate,
        run_dir,
        layer=setup.classifier,
        kind=MULTI_LABEL if is_multi else SINGLE_LABEL,
        method=section.method,
        targets=labels if is_multi else np.eye(len(runtime.dataset.classes))[labels],
        l2=tuple(section.l2),
        folds=folds,
        started=started,
    )


def read_features(
    config: Config, setup: TrainSetup, runtime: Runtime, split: Split
) -> ProbeFeatures:
    """The features of the training split; those that are not stored yet are computed.

    Args:
        config: of the run.
        setup: its network.
        runtime: its data.
        split: the training split.
    """
    transforms = tta_transforms(config.probe.flip, 0)
    compute = compile_extract(config, setup, runtime, transforms)
    num_views, width = len(transforms), count_features(setup)
    cache = FeatureCache(
        Path(config.data.root) / FOLDER,
        describe_features(config, setup),
        num_views * width + 1,  # the views, and the largest norm of a pixel
        config.probe.cache_mb,
    )
    hashes = hash_images(split.images)
    rows, found = cache.read(hashes)
    missing = np.flatnonzero(~found)
    for start in range(0, len(missing), STORE_ROWS):
        indices = missing[start : start + STORE_ROWS]
        rows[indices] = compute(indices)
        cache.write(hashes[indices], rows[indices])
    cache.prune()
    views = rows[:, :-1].reshape(len(rows), num_views, width)
    folder = cache.folder if config.probe.cache_mb else None
    return ProbeFeatures(views, float(rows[:, -1].max()), len(missing), hashes, folder)


def compile_extract(
    config: Config, setup: TrainSetup, runtime: Runtime, transforms: Sequence[Transform]
) -> Callable[[np.ndarray], np.ndarray]:
    """From indices [m] of training images to rows [m ·]; compiled at the first call.

    A row has the features of every view and the largest norm of the vector of one pixel.

    Args:
        config: of the run.
        setup: its network.
        runtime: its data.
        transforms: the views.
    """
    extract = make_features(
        setup.network,
        runtime.task,
        setup.classifier,
        transforms,
        dtype=jnp.dtype(config.model.dtype),
    )
    extract = jax.jit(extract, compiler_options=compiler_options())
    get_batch, weights = runtime.evaluator.get_batch["train"], setup.state.eval_weights

    def compute(indices: np.ndarray) -> np.ndarray:
        rows = []
        for positions, mask in padded_batches(len(indices), config.train.batch_size):
            features, norms = extract(*weights, get_batch(indices[positions].astype(np.int32)))
            flat = np.asarray(features).reshape(len(positions), -1)
            rows.append(np.concatenate([flat, np.asarray(norms)[:, None]], 1)[mask])
        return np.concatenate(rows)

    return compute


def count_features(setup: TrainSetup) -> int:
    """The number of inputs of the classifier layer."""
    kernel: Any = setup.state.params
    for name in setup.classifier.split("."):
        kernel = kernel[int(name) if name.isdigit() else name]
    return kernel["kernel"].shape[-2]


def describe_features(config: Config, setup: TrainSetup) -> dict[str, Any]:
    """What the features of an image depend on besides its pixels; JSON values.

    The weights of the classifier layer, which is fitted, have no influence.
    """
    params, batch_stats = setup.state.eval_weights
    model = {name: value for name, value in config.model.items() if "pretrained" not in name}
    return {
        "model": model,
        "maps": config.probe.maps,
        "backgrounds": list(config.probe.backgrounds),
        "flip": config.probe.flip,
        "mean": list(config.data.mean),
        "std": list(config.data.std),
        "weights": hash_weights([without_layer(params, setup.classifier), batch_stats]),
    }


def without_layer(params: Any, layer: str) -> Any:
    """Nested dicts of arrays without those of one layer."""
    name, _, rest = layer.partition(".")
    key = int(name) if name.isdigit() else name
    kept = {other: value for other, value in params.items() if other != key}
    return {**kept, key: without_layer(params[key], rest)} if rest else kept
