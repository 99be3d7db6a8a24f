"""Size, accuracy and latency of exported models.

    python -m benchmarks.export [MODEL ...]

Prints one JSON line per model of MODELS, with random weights. "sizes" are the MB of the files;
"difference" is the largest absolute difference from the outputs of JAX (logits, color head outputs
or images in [0, 1]), relative to the largest output. "ms" are the CPU milliseconds for one image
on one core, the median of RUNS calls after three to warm up: of JAX in this process, and of ONNX
Runtime.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
from flax import nnx
from safetensors.numpy import save

from gv_jax import models
from gv_jax.export.function import ImageFunction
from gv_jax.export.onnx_file import to_onnx_file
from gv_jax.export.stablehlo import to_stablehlo
from gv_jax.export.weights import to_state_dict
from gv_jax.training.step import SplitModule, make_predict

RUNS = 15
CLASSES = 10
SMALL = ("baseline", "sequential", "two_layer", "shared_net", "inception")  # at 32 px
SIDES = {"classifier": 96, "small": 32, "other": 128}  # of the square images, in pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="*", default=list(models.MODELS), metavar="MODEL")
    names = parser.parse_args().models
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before JAX counts the cores
    for name in names:
        sys.stdout.write(json.dumps(measure(name)) + "\n")
        sys.stdout.flush()


def measure(name: str) -> dict[str, Any]:
    """The figures of one model."""
    channels = 1 if name in models.COLORIZERS else 3
    kind = "small" if name in SMALL else "classifier" if name in models.CLASSIFIERS else "other"
    side = SIDES[kind]
    network, weights = random_network(name, channels, side)
    predict = make_predict(network)

    def apply(images: jax.Array) -> jax.Array:
        return predict(*weights, images.astype(jnp.float32) / 255)

    sizes = f"{side}, {side}" if name in models.CLASSIFIERS else "h, w"
    function = ImageFunction(apply, f"b, {sizes}, {channels}", "")
    tensors, _ = to_state_dict(network, weights)
    start = time.process_time()
    model = to_onnx_file(function, {})
    seconds = time.process_time() - start
    program = to_stablehlo(function)
    images = np.random.default_rng(0).integers(0, 256, (1, side, side, channels), np.uint8)
    compiled = jax.jit(apply)
    expected = np.asarray(compiled(images))
    run = onnx_function(model)
    exported = jax.export.deserialize(bytearray(program))
    outputs = {"onnx": run(images), "stablehlo": np.asarray(exported.call(images))}
    scale = np.abs(expected).max()
    return {
        "model": name,
        "side": side,
        "sizes": {
            "safetensors": megabytes(save(tensors)),
            "stablehlo": megabytes(program),
            "onnx": megabytes(model),
        },
        "difference": {
            key: float(np.abs(output - expected).max() / scale) for key, output in outputs.items()
        },
        "ms": {
            "jax": cpu_ms(lambda: jax.block_until_ready(compiled(images))),
            "onnx": cpu_ms(lambda: run(images)),
        },
        "seconds_to_onnx": round(seconds, 1),
    }


def random_network(name: str, channels: int, side: int) -> tuple[SplitModule, tuple[Any, Any]]:
    """A network with normal kernels and random normalization, drawn by numpy.

    Kernels have He's deviation; a SiLU does not halve the variance as a ReLU does, and He's would
    let the activations grow until rounding errors decide.
    """
    gain = 1 if name == "efficientnetv2_s" else 2

    def build() -> nnx.Module:
        return models.build(
            name, inputs=channels, classes=CLASSES, size=(side, side), rngs=nnx.Rngs(0)
        )

    network = SplitModule.from_module(nnx.eval_shape(build))
    rng = np.random.default_rng(0)

    def draw(path: tuple[Any, ...], leaf: Any) -> np.ndarray:
        kind, shape = path[-1].key, leaf.shape
        if kind == "kernel":
            deviation = np.float32(np.sqrt(gain / np.prod(shape[:-1])))
            return deviation * rng.standard_normal(shape, np.float32)
        if kind in ("scale", "var"):
            return rng.uniform(0.8, 1.2, shape).astype(np.float32)
        return np.float32(0.1) * rng.standard_normal(shape, np.float32)

    weights = network.params, network.batch_stats
    return network, jax.tree.map_with_path(draw, weights)


def onnx_function(model: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """The model in ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(images: np.ndarray) -> np.ndarray:
        (output,) = session.run(None, {"images": images})
        return np.asarray(output)

    return run


def megabytes(content: bytes) -> float:
    return round(len(content) / 1e6, 2)


def cpu_ms(function: Callable[[], Any]) -> float:
    """CPU milliseconds of a call."""
    times = []
    for _ in range(RUNS + 3):
        start = time.process_time()
        function()
        times.append(1000 * (time.process_time() - start))
    return round(statistics.median(times[3:]), 2)


if __name__ == "__main__":
    main()
