"""The job of texture_job.py in PyTorch: decode, train, validate, test and draw a report.

    python -m benchmarks.torch_texture_job FOLDER WORKDIR [--model NAME] [--epochs N]

Images are decoded once and stay in memory, as in gv_jax; batches are drawn in random order. Writes
WORKDIR/results.json, the best weights and four figures: accuracy by epoch, the confusion matrix,
and the most and the least confident predictions.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib import pyplot as plt
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases import Case
from benchmarks.texture_job import BATCH, CHANNELS, EPOCHS, MODELS, SIDE, STEPS
from benchmarks.torch_models import build_network
from benchmarks.torch_speed import use_available_cores

HELD_OUT = 10  # one image in ten is for validation, one for the test
SHOWN = 16  # predictions of a figure


class Images(NamedTuple):
    """Images [n c h w] in [-1, 1], channels last, and their labels [n]."""

    pixels: Tensor
    labels: Tensor

    def select(self, rows: Tensor) -> "Images":
        """The images of `rows`."""
        return Images(self.pixels[rows], self.labels[rows])


def read_images(folder: Path) -> tuple[Images, list[str]]:
    """All images of the class folders, resized, and the names of the classes."""
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    pixels, labels = [], []
    for label, name in enumerate(classes):
        for file in sorted((folder / name).glob("*.png")):
            with Image.open(file) as image:
                pixels.append(np.asarray(image.convert("RGBA").resize((SIDE, SIDE))))
            labels.append(label)
    values = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return Images(
        values.contiguous(memory_format=torch.channels_last), torch.tensor(labels)
    ), classes


def predict(network: nn.Module, images: Images) -> Tensor:
    """Probabilities of the classes, [n k]."""
    network.eval()
    with torch.inference_mode():
        logits = [network(pixels) for pixels in images.pixels.split(BATCH)]
    network.train()
    return torch.cat(logits).softmax(1)


def train(
    network: nn.Module, images: Images, valid: Images, epochs: int, file: Path
) -> list[tuple[float, float]]:
    """Trains, saves the best weights in `file`, and returns both accuracies by epoch."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    history, best, order = [], -1.0, torch.empty(0, dtype=torch.long)
    for _ in range(epochs):
        correct = 0.0
        for _ in range(STEPS):
            if len(order) < BATCH:
                order = torch.randperm(len(images.labels))
            batch, order = images.select(order[:BATCH]), order[BATCH:]
            optimizer.zero_grad(set_to_none=True)
            logits = network(batch.pixels)
            functional.cross_entropy(logits, batch.labels).backward()
            optimizer.step()
            correct += (logits.argmax(1) == batch.labels).float().mean().item()
        rows = torch.arange(min(STEPS * BATCH, len(valid.labels)))
        accuracy = measure_accuracy(predict(network, valid.select(rows)), valid.select(rows))
        history.append((correct / STEPS, accuracy))
        if accuracy > best:
            best = accuracy
            torch.save(network.state_dict(), file)
    return history


def measure_accuracy(probabilities: Tensor, images: Images) -> float:
    return (probabilities.argmax(1) == images.labels).float().mean().item()


def draw_report(
    folder: Path,
    history: list[tuple[float, float]],
    probabilities: Tensor,
    test: Images,
    classes: list[str],
) -> None:
    """Writes the figures."""
    figure, axes = plt.subplots()
    axes.plot(history, label=["train", "valid"])
    axes.set(xlabel="epoch", ylabel="accuracy")
    axes.legend()
    figure.savefig(folder / "accuracy.png")
    confusion = torch.zeros(len(classes), len(classes))
    for label, prediction in zip(test.labels, probabilities.argmax(1), strict=True):
        confusion[label, prediction] += 1
    figure, axes = plt.subplots(figsize=(8, 8))
    axes.imshow(confusion)
    axes.set_xticks(range(len(classes)), classes, rotation=90)
    axes.set_yticks(range(len(classes)), classes)
    figure.savefig(folder / "confusion.png")
    confidence, predicted = probabilities.max(1)
    ranked = confidence.argsort()
    for name, rows in (("least", ranked[:SHOWN]), ("most", ranked.flip(0)[:SHOWN])):
        figure, grid = plt.subplots(4, 4, figsize=(8, 9))
        for axes, row in zip(grid.flat, rows, strict=False):
            axes.imshow(((test.pixels[row] + 1) / 2).permute(1, 2, 0).numpy())
            axes.set_title(f"{classes[int(predicted[row])]} {confidence[row]:.2f}")
            axes.axis("off")
        figure.savefig(folder / f"{name}_confident.png")


def main() -> None:
    """Does the job of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--model", choices=MODELS, default=MODELS[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    torch.manual_seed(0)
    use_available_cores()
    plt.switch_backend("Agg")
    options.workdir.mkdir(parents=True)
    images, classes = read_images(options.folder)
    order = torch.randperm(len(images.labels))
    share = len(order) // HELD_OUT
    test, valid, rest = (
        images.select(rows) for rows in order.split([share, share, len(order) - 2 * share])
    )
    network = build_network(Case(options.model, BATCH, SIDE, SIDE, CHANNELS, len(classes)))
    # PyTorch's annotations lack `to(memory_format=...)` without a dtype.
    network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    file = options.workdir / "best.pt"
    history = train(network, rest, valid, options.epochs, file)
    network.load_state_dict(torch.load(file))
    probabilities = predict(network, test)
    draw_report(options.workdir, history, probabilities, test, classes)
    results = {"test": {"accuracy": measure_accuracy(probabilities, test)}}
    (options.workdir / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main()
