"""The steps of speed.py in PyTorch.

    python -m benchmarks.torch_speed [--compile] [NAME ...]

Prints the JSON lines of speed.py without its counts of operations, for the same cases: float32,
memory in the order channels last, and as many threads as the process may use cores. Training steps
are forward, backward and Adam; predictions convert images uint8 and run in evaluation mode without
gradients. With `--compile`, networks are compiled by torch.compile; "compile_s" is the duration of
the first step.
"""

import argparse
import os
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases import CLASSIFICATION, PREDICTION, Case
from benchmarks.measurement import (
    DTYPES,
    STEPS,
    WARM_UP,
    Measurement,
    add_step_flags,
    median_ms,
    peak_memory_mb,
    read_cases,
    write_line,
)
from benchmarks.torch_models import build_network, count_trainable

LOSSES = {"mse": functional.mse_loss, "mae": functional.l1_loss}


def use_available_cores() -> None:
    """Computes with one thread per core that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        torch.set_num_threads(len(os.sched_getaffinity(0)))


def make_training(
    case: Case, network: nn.Module, forward: Callable[[Tensor], Tensor], device: str
) -> Callable[[], float]:
    """One step of the training; returns its loss.

    Args:
        case: a classification or a regression.
        network: whose parameters are trained.
        forward: the network, or what it was compiled to.
        device: where it computes.
    """
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    shape = (case.batch, case.channels, case.height, case.width)
    images = torch.randn(shape, device=device).contiguous(memory_format=torch.channels_last)
    if case.kind == CLASSIFICATION:
        targets = torch.randint(0, case.outputs, (case.batch,), device=device)
        loss = functional.cross_entropy
    else:
        with torch.no_grad():
            targets = 2 * torch.rand_like(network(images)) - 1
        loss = LOSSES[case.loss]

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        outputs = forward(images).float()
        value = loss(outputs.tanh() if case.tanh else outputs, targets)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def make_prediction(
    case: Case, forward: Callable[[Tensor], Tensor], device: str
) -> Callable[[], Tensor]:
    """Logits of the images of a batch, uint8 [n c h w].

    Args:
        case: a prediction.
        forward: the network in evaluation mode, or what it was compiled to.
        device: where it computes.
    """
    shape = (case.batch, case.channels, case.height, case.width)
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    images = images.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def step() -> Tensor:
        inputs = (images.to(device).float() / 255 - 0.5) / 0.25
        return forward(inputs).float().cpu()

    return step


def measure_case(
    case: Case,
    *,
    compiled: bool,
    warm_up: int = WARM_UP,
    steps: int = STEPS,
    dtype: str = DTYPES[0],
) -> Measurement:
    """Measures a case, on a GPU if there is one.

    Args:
        case: what is measured.
        compiled: whether by torch.compile.
        warm_up: steps that are not measured, after a first one.
        steps: steps that are measured.
        dtype: what the network computes in, by autocast if it is not float32.
    """
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = build_network(case).to(device)
    # PyTorch's annotations lack `to(memory_format=...)` without a dtype.
    network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    network.train(case.kind != PREDICTION)
    compute = torch.compile(network) if compiled else network

    def forward(images: Tensor) -> Tensor:
        with torch.autocast(device, getattr(torch, dtype), enabled=dtype != DTYPES[0]):
            return compute(images)

    if case.kind == PREDICTION:
        step = make_prediction(case, forward, device)
    else:
        step = make_training(case, network, forward, device)
    started = time.perf_counter()
    step()
    compile_s = time.perf_counter() - started if compiled else 0.0
    ms = median_ms(step, warm_up=warm_up, steps=steps)
    return Measurement(ms, compile_s, count_trainable(network), peak_memory_mb())


def run_torch_speed() -> None:
    """Measures the cases of the command line, all in this process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_step_flags(parser)
    parser.add_argument("--compile", action="store_true", help="by torch.compile")
    options = parser.parse_args()
    use_available_cores()
    for name, case in read_cases(parser, options).items():
        measurement = measure_case(
            case,
            compiled=options.compile,
            warm_up=options.warm_up,
            steps=options.steps,
            dtype=options.dtype,
        )
        write_line(measurement.to_json(name, case))


if __name__ == "__main__":
    run_torch_speed()
