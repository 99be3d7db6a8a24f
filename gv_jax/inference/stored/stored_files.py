"""Writes the files of a run directory that inference needs besides the weights."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from gv_jax.data.arrays import Dataset, Split
from gv_jax.data.sampling import padded_batches
from gv_jax.data.splits.kfold import labels_to_classes
from gv_jax.distributed import compiler_options
from gv_jax.evaluation.confidence import FALSE_POSITIVES
from gv_jax.evaluation.evaluator import Runtime
from gv_jax.evaluation.novelty import normalize_features
from gv_jax.inference.classifier import last_layer
from gv_jax.inference.finished_run import LoadedNetwork
from gv_jax.inference.stored.confidence_file import write_confidence
from gv_jax.inference.stored.neighbors import Neighbors, encode_thumbnail, write_neighbors
from gv_jax.training.features import make_features
from gv_jax.training.run_dir import RunDir

Extract = Callable[[Any], np.ndarray]  # batch -> features [b f]


def store_inference_files(
    evaluation: Any,
    runtime: Runtime,
    loaded: LoadedNetwork,
    run_dir: RunDir,
    section: Mapping[str, Any],
) -> None:
    """Writes the calibration of a classifier, and features and thumbnails of training images.

    `evaluation.results["confidence"]` gets the distance from which on images are flagged as
    unfamiliar.

    Args:
        evaluation: Of a run.
        runtime: Its data and compiled evaluation.
        loaded: Its network.
        run_dir: Where the files are written.
        section: The section config.inference.
    """
    confidence, limit = evaluation.confidence, section["neighbors"]
    if limit:
        extract = compile_features(loaded, runtime.evaluator.dtype)
        neighbors = collect_neighbors(runtime, extract, limit, section["thumbnails"])
        write_neighbors(run_dir.path, neighbors)
        if "valid" in runtime.dataset.splits:
            _, valid = extract_features(runtime, extract, "valid", limit)
            confidence = replace(confidence, distances=neighbors.distances(valid))
            evaluation.results["confidence"] |= {
                "max_distance": confidence.max_distance,
                "false_positives": FALSE_POSITIVES,
            }
    write_confidence(run_dir.path, confidence)


def compile_features(loaded: LoadedNetwork, dtype: Any) -> Extract:
    """From a batch to its features [b f]; `dtype` is what the network computes in."""
    task, network, weights = loaded
    layer = last_layer(network, weights)
    features = make_features(network, task, layer, (identity,), dtype=dtype)
    compiled = jax.jit(features, compiler_options=compiler_options())
    return lambda batch: np.asarray(compiled(*weights, batch)[0][:, 0])


def identity(images: jax.Array) -> jax.Array:
    return images


def collect_neighbors(runtime: Runtime, extract: Extract, limit: int, side: int) -> Neighbors:
    """Features, ids, labels and thumbnails of up to `limit` evenly spaced training images.

    Args:
        runtime: Data of a run.
        extract: The features of a batch.
        limit: Maximum number of images.
        side: Of the thumbnails in pixels; 0 for none.
    """
    indices, features = extract_features(runtime, extract, "train", limit)
    dataset: Dataset = runtime.dataset
    split: Split = dataset.splits["train"]
    encode = partial(encode_thumbnail, side=side)
    return Neighbors(
        normalize_features(features).astype(np.float16),
        tuple(split.ids[int(index)] for index in indices),
        tuple(
            "|".join(dataset.classes[label] for label in labels)
            for labels in labels_to_classes(np.asarray(split.labels)[indices])
        ),
        tuple(encode(split.images[index]) for index in indices) if side else (),
    )


def extract_features(
    runtime: Runtime, extract: Extract, split: str, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices [m] and features [m f] of up to `limit` evenly spaced images of a split.

    Args:
        runtime: Data of a run.
        extract: The features of a batch.
        split: Name of the split.
        limit: Maximum number of images.
    """
    size = runtime.evaluator.sizes[split]
    chosen = np.arange(size) if size <= limit else np.linspace(0, size - 1, limit).astype(int)
    return chosen, features_at(runtime, extract, split, chosen)


def features_at(runtime: Runtime, extract: Extract, split: str, indices: np.ndarray) -> np.ndarray:
    """Features [m f] of the images at `indices` [m] of a split; arguments as above."""
    get_batch, size = runtime.evaluator.get_batch[split], runtime.evaluator.batch_size
    rows = [
        extract(get_batch(indices[positions].astype(np.int32)))[mask]
        for positions, mask in padded_batches(len(indices), size)
    ]
    return np.concatenate(rows)
