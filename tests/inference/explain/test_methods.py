"""The maps point at the known reason, depend on the weights, and equal their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.stats import spearmanr

from gv_jax.inference.explain.grad_cam import grad_cam, map_gradients
from gv_jax.inference.explain.gradients import attribute, mean_color
from gv_jax.inference.explain.map_maker import LAYER_METHODS, MAPS
from gv_jax.inference.explain.occlusion import occlusion
from gv_jax.inference.explain.overlay import normalize_map, resize_map
from gv_jax.inference.explain.score import make_score, map_chunks
from gv_jax.training.step import SplitModule
from tests.inference.explain.markers import (
    NUM_CLASSES,
    SIDE,
    TASK,
    TinyCNN,
    map_all,
    score_of,
)


def test_the_network_is_right(network, held_out):
    images, labels, _ = held_out
    inputs = jnp.asarray(images, jnp.float32)
    logits = [score_of(network, label)(inputs)[0] for label in range(NUM_CLASSES)]
    np.testing.assert_array_equal(np.argmax(logits, 0), labels)


@pytest.mark.parametrize("method", MAPS)
def test_the_maximum_is_on_the_marker(trained_maps, held_out, method):
    """The pointing game of Zhang et al. 2016; where several pixels are largest, most of them."""
    hits = []
    for raw, inside in zip(trained_maps(method), held_out[2], strict=True):
        heat = normalize_map(resize_map(raw, (SIDE, SIDE)))
        hits.append(inside[heat == 1].mean() > 0.5)
    assert np.mean(hits) >= 0.9


@pytest.mark.parametrize("method", MAPS)
def test_random_weights_destroy_the_map(trained_maps, held_out, method):
    """Adebayo et al. 2018, "Sanity checks for saliency maps": model parameter randomization."""
    images, labels = (values[:20] for values in held_out[:2])
    layer = "conv2" if method in LAYER_METHODS else ""
    correlations = []
    for seed in (1, 2, 3):
        random_maps = map_all(MAPS[method], TinyCNN(nnx.Rngs(seed)), images, labels, layer)
        for trained, random in zip(trained_maps(method), random_maps, strict=False):
            if random.std() > 0:
                correlations.append(spearmanr(trained.ravel(), random.ravel()).statistic)
    assert len(correlations) > 30
    assert abs(np.mean(correlations)) < 0.15


def test_integrated_gradients_are_complete(network, held_out):
    """Sundararajan et al. 2017, proposition 1: to 1 %, or 0.01 where the logit hardly changes."""
    network = SplitModule.from_module(network)
    weights = (network.params, network.batch_stats)

    @jax.jit
    def compare(image, baseline, label):
        score = make_score(network, TASK, weights, label, dtype=jnp.float32)
        high, low = score(jnp.stack([image, baseline]))[0]
        return attribute(score, image, baseline).sum(), high - low

    changes = []
    for pixels, label in zip(held_out[0][:10], held_out[1], strict=False):
        image = jnp.asarray(pixels, jnp.float32)
        for baseline in (mean_color(image), jnp.zeros_like(image)):
            total, change = map(float, compare(image, baseline, label))
            assert total == pytest.approx(change, rel=0.01, abs=0.01)
            changes.append(abs(change))
    assert np.median(changes) > 1


def test_grad_cam_of_a_linear_head_is_cam(network, held_out):
    """Zhou et al. 2016: the maps weighted by the weights of the class; h*w times Grad-CAM."""
    for pixels, label in zip(held_out[0][:2], held_out[1], strict=False):
        image = jnp.asarray(pixels, jnp.float32)
        score = score_of(network, int(label))
        maps = jax.jit(score)(image[None])[1]["conv2"][0]
        cam = np.maximum(np.einsum("hwf,f->hw", maps, network.head.kernel[:, int(label)]), 0)
        heat = jax.jit(lambda x, f=score: grad_cam(f, x, "conv2"))(image)
        found = heat * maps[..., 0].size
        np.testing.assert_allclose(found, cam, rtol=1e-4, atol=1e-4 * cam.max())


def test_gradients_of_early_maps_equal_those_of_an_equal_program(network, held_out):
    image = jnp.asarray(held_out[0][:2], jnp.float32)
    find = jax.jit(lambda x: map_gradients(score_of(network, 1), x, "conv1"))
    maps, gradients = find(image)

    @jax.jit
    def rest(first):
        last = nnx.relu(network.conv2(nnx.max_pool(first, (2, 2), (2, 2))))
        return network.head(last.mean((1, 2)))[:, 1].sum()

    first = jax.jit(lambda x: nnx.relu(network.conv1(x)))((image / 255 - 0.5) / 0.25)
    np.testing.assert_allclose(maps, first, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(gradients, jax.grad(rest)(first), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (12, 7), (5, 16)])
def test_occlusion_equals_a_loop(size):
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (*size, 2)).astype(np.float32)
    weights = rng.normal(size=(*size, 2)).astype(np.float32)

    def score(images):
        return jnp.tanh((images * weights[None]).sum((1, 2, 3)) / 1000), {}

    found = jax.jit(lambda x: occlusion(score, x))(jnp.asarray(image))
    step = round(max(size) / 8)
    total, count = np.zeros(size), np.zeros(size)
    for top in range(-step, size[0], step):
        for left in range(-step, size[1], step):
            covered = image.copy()
            rows = slice(max(0, top), top + 2 * step)
            columns = slice(max(0, left), left + 2 * step)
            covered[rows, columns] = image.mean((0, 1))
            total[rows, columns] += float(score(image[None])[0][0] - score(covered[None])[0][0])
            count[rows, columns] += 1
    assert (count == 4).all()
    np.testing.assert_allclose(found, total / count, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 5, 6])
def test_chunks_cover_all_items(monkeypatch, count):
    monkeypatch.setattr("gv_jax.inference.explain.score.CHUNK_PIXELS", 30)
    items = jnp.arange(count, dtype=jnp.float32)
    np.testing.assert_array_equal(map_chunks(lambda x: 2 * x, items, pixels=10), 2 * items)
