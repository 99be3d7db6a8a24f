"""Random crops, found again in their pictures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.data.augment.crop import random_crop
from gv_jax.errors import UserError


def test_crops_are_parts_of_their_own_picture_from_everywhere():
    n, height, width = 60, 7, 9
    images = jnp.arange(n * height * width, dtype=jnp.float32).reshape(n, height, width, 1)
    found, targets = jax.jit(random_crop(5))(jax.random.key(0), images, jnp.eye(n))
    assert found.shape == (n, 5, 5, 1)
    np.testing.assert_array_equal(targets, np.eye(n))
    corners = np.asarray(found)[:, 0, 0, 0].astype(int)
    picture, top, left = np.unravel_index(corners, (n, height, width))
    np.testing.assert_array_equal(picture, np.arange(n))
    assert set(top) == set(range(3))
    assert set(left) == set(range(5))
    for number in range(n):
        part = images[number, top[number] : top[number] + 5, left[number] : left[number] + 5]
        np.testing.assert_array_equal(found[number], part)


def test_crop_larger_than_the_pictures():
    with pytest.raises(UserError, match=r"train\.crop is 8: .* sides of 7x9 pictures"):
        random_crop(8)(jax.random.key(0), jnp.zeros((1, 7, 9, 3)), jnp.zeros((1, 0)))
