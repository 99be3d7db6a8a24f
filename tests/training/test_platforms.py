"""Whole steps, lowered for a GPU or TPU on a machine with a CPU, have XLA's own operations."""

import functools
import re
from collections import Counter
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from gv_jax.data.augment.augmentations import build_augmentation
from gv_jax.models import build
from gv_jax.models.ops.platform import plain_operations
from gv_jax.tasks.classification import Classification
from gv_jax.tasks.color_heads.regression import RegressionHead
from gv_jax.tasks.colorization import Colorization
from gv_jax.tasks.super_resolution import SuperResolution
from gv_jax.training.step import SplitModule, init_train_state, make_eval_step, make_train_step

COLORIZATION = Colorization(RegressionHead(2), lambda key, grays: grays)
# The model, its task, channels of its inputs, and the side of the images in pixels
CASES: dict[str, tuple[Any, int, int]] = {
    "baseline": (Classification(5), 3, 32),
    "unet": (COLORIZATION, 1, 24),
    "resnet18": (Classification(5), 3, 64),
    "efficientnet_lite0": (Classification(5), 3, 64),
    "vit_tiny_patch16": (Classification(5), 3, 32),
    "ninasr_b0": (SuperResolution(), 3, 64),
}
FAST = ("baseline", "unet")
# Operations that compute nothing; biases are broadcast with a gradient of their own
ARRANGEMENT = {
    "add",
    "broadcast_in_dim",
    "case",  # of a constant, with the branch of the platform only
    "constant",
    "convert",
    "reshape",
    "return",
    "transpose",
}
# Operations whose counts differ: the gradient of pooling repeats the pooling, which the compiler
# removes; plain models may have symbolic sizes, so they pad by indices and sum over windows
OTHER_COUNTS = {
    "baseline": {"maximum", "reduce_window"},
    "unet": {"gather", "iota", "minimum", "pad", "slice", "concatenate"},
    "ninasr_b0": {
        *("and", "clamp", "compare", "divide", "dot_general", "gather", "iota", "minimum"),
        *("pad", "reduce_window", "remainder", "scatter", "select", "sign", "subtract"),
    },
}


@functools.cache
def make_steps(name: str) -> dict[str, tuple[Any, Any]]:
    """The training and evaluation step of a model, each with its arguments."""
    task, inputs, side = CASES[name]
    model = build(name, inputs=inputs, classes=task.outputs, size=(side, side), rngs=nnx.Rngs(0))
    network, optimizer = SplitModule.from_module(model), optax.sgd(0.1)
    state = init_train_state(network, optimizer, ema=False)
    batch = {"image": np.zeros((32, side, side, 3), np.uint8), "label": np.zeros(32, np.int32)}
    augment = build_augmentation({"flip": 0.5, "pad_crop": 2.0})
    train_step = make_train_step(network, task, optimizer, augment, seed=0, dtype=jnp.bfloat16)
    eval_step = make_eval_step(network, task, dtype=jnp.bfloat16)
    return {
        "train": (train_step, (state, batch)),
        "eval": (eval_step, (state.params, state.batch_stats, batch)),
    }


def lower(step, arguments, platform, plain):
    """The text of a step for a platform, with plain operations or its own choice."""
    with plain_operations() if plain else nullcontext():
        traced = jax.jit(lambda *arguments: step(*arguments)).trace(*arguments)
    return traced.lower(lowering_platforms=(platform,)).as_text()


def count_operations(text):
    counts = Counter(re.findall(r"\b(?:stablehlo|chlo)\.(\w+)", text))
    counts.update(f"custom_call {name}" for name in re.findall(r"custom_call @(\w+)", text))
    return counts


STEPS = [
    pytest.param(name, step, marks=() if step == "eval" and name in FAST else pytest.mark.slow)
    for name in CASES
    for step in ("train", "eval")
]


@pytest.mark.parametrize(("name", "step"), STEPS)
@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_a_step_for_a_gpu_or_tpu_has_the_plain_operations(name, platform, step):
    text, plain = (lower(*make_steps(name)[step], platform, is_plain) for is_plain in (False, True))
    counts, expected = count_operations(text), count_operations(plain)
    assert expected["convolution"] or name.startswith("vit")
    kinds = (counts | expected).keys() - ARRANGEMENT - OTHER_COUNTS.get(name, set())
    assert {kind: counts[kind] for kind in kinds} == {kind: expected[kind] for kind in kinds}
    assert not {"fft", "optimization_barrier"} & counts.keys()


@pytest.mark.slow
def test_a_step_for_a_cpu_has_other_operations():
    step = make_steps("unet")["train"]
    counts, plain = (
        count_operations(lower(*step, platform, plain=False)) for platform in ("cpu", "cuda")
    )
    assert counts["convolution"] < plain["convolution"]
    assert counts["optimization_barrier"]
