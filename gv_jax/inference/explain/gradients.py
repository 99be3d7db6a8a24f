"""Attributions by gradients: integrated gradients and SmoothGrad."""

import jax
import jax.numpy as jnp
from jax import Array

from gv_jax.inference.explain.score import Score, map_chunks

PATH_STEPS = 128  # points of the path from the baseline to the image
NUM_NOISY = 32  # noisy copies
NOISE = 0.15  # standard deviation of the noise, as a fraction of the range of the image
PEAK_PERCENTILE = 99  # of the values of a map, at which it is cut


def integrated_gradients(score: Score, image: Array) -> Array:
    """The attributions of the pixels, summed over channels; positive ones are for the class.

    Sundararajan et al. 2017, "Axiomatic attribution for deep networks", arXiv:1703.01365. The
    largest values are cut, see `cut_peaks`; `attribute` returns them all.

    Args:
        score: Images -> logits of the class and feature maps.
        image: float32 [h w c] in [0, 255].

    Returns:
        float32 [h w].
    """
    return cut_peaks(attribute(score, image, mean_color(image)).sum(-1))


def attribute(score: Score, image: Array, baseline: Array, steps: int = PATH_STEPS) -> Array:
    """(x - b) times the mean gradient of the logit on the straight path from b to x; eq. 3.

    The sum of the attributions is the logit of x less that of b, up to the error of the midpoint
    rule.

    Args:
        score: Images -> logits of the class and feature maps.
        image: x, float32 [h w c].
        baseline: b, of the same shape.
        steps: Points of the path.

    Returns:
        float32 [h w c].
    """
    fractions = (jnp.arange(steps, dtype=jnp.float32) + 0.5) / steps
    change = image - baseline
    path = baseline + fractions[:, None, None, None] * change[None]
    return change * image_gradients(score, path).mean(0)


def smooth_grad(score: Score, image: Array) -> Array:
    """The mean gradient over noisy copies of an image, times its difference to the baseline.

    Smilkov et al. 2017, "SmoothGrad: removing noise by adding noise", arXiv:1706.03825, sections
    3.1 and 3.4; summed over channels, positive values are for the class. The absolute values of the
    gradient, the other choice there, are also large where a change would matter. The noise is
    always the same.

    Args:
        score: Images -> logits of the class and feature maps.
        image: float32 [h w c] in [0, 255].

    Returns:
        float32 [h w].
    """
    noise = jax.random.normal(jax.random.key(0), (NUM_NOISY, *image.shape))
    copies = image + NOISE * (image.max() - image.min()) * noise
    gradient = image_gradients(score, copies).mean(0)
    return cut_peaks((gradient * (image - mean_color(image))).sum(-1))


def cut_peaks(heat: Array) -> Array:
    """Cuts the values of a map at a percentile, so that a few pixels do not hide the others.

    Smilkov et al. 2017, section 3.1.
    """
    return jnp.minimum(heat, jnp.percentile(heat, PEAK_PERCENTILE))


def image_gradients(score: Score, images: Array) -> Array:
    """The gradients of the logits in the images; float32 [n h w c]."""
    gradient = jax.grad(lambda chunk: score(chunk)[0].sum())
    return map_chunks(gradient, images, pixels=images[0, ..., 0].size)


def mean_color(image: Array) -> Array:
    """An image of the mean color of `image` [h w c]: the baseline, which shows nothing.

    A black baseline, as in the paper, gives no attribution to black pixels, such as outlines.
    """
    return jnp.broadcast_to(image.mean((0, 1)), image.shape)
