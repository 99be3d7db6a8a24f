"""Which held-out images a report explains, and its figure."""

import numpy as np
import pytest
from PIL import Image

from gv_jax.inference.explain.held_out import choose_images
from gv_jax.reporting.figures.explanations import ExplainedImage, draw_explanations
from gv_jax.reporting.figures.grids import CaptionLine


@pytest.mark.parametrize(
    ("num_wrong", "num_correct", "expected_wrong", "expected"),
    [(5, 20, 3, 6), (1, 20, 1, 6), (0, 20, 0, 6), (20, 1, 5, 6), (2, 1, 2, 3), (0, 1, 0, 1)],
)
def test_half_of_the_images_are_errors(num_wrong, num_correct, expected_wrong, expected):
    rng = np.random.default_rng(0)
    log_probs = np.log(rng.dirichlet(np.ones(3), num_wrong + num_correct))
    labels = log_probs.argmax(1)
    labels[:num_wrong] = (labels[:num_wrong] + 1) % 3
    chosen = choose_images(log_probs, labels, 6)
    assert len(set(chosen.tolist())) == len(chosen) == expected
    assert (chosen < num_wrong).sum() == expected_wrong
    assert (chosen[:expected_wrong] < num_wrong).all()


@pytest.mark.parametrize("num_neighbors", [0, 2, 3])
def test_the_figure_is_written(tmp_path, num_neighbors):
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    overlays = {"Grad-CAM": image, "integrated gradients": image}
    neighbors = [("a $b$ 日本", 0.5, image)] * num_neighbors
    row = ExplainedImage(image, [CaptionLine("a", "black")], overlays, neighbors)
    figure = draw_explanations([row, row], "stage3", tmp_path)
    assert figure.file == tmp_path / "explanations.png"
    assert figure.section == "explanations"
    assert "stage3" in figure.caption
    assert ("nearest" in figure.caption) == bool(num_neighbors)
    with Image.open(figure.file) as written:
        assert written.width > 500
