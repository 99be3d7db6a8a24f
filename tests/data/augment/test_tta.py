"""Test-time augmentation against scipy's shift."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from gv_jax.data.augment.tta import tta_transforms
from gv_jax.errors import UserError


def test_transforms_are_shifts_and_their_mirror_images():
    images = np.random.default_rng(0).random((2, 5, 6, 3)).astype(np.float32)
    transforms = tta_transforms(flip=True, shift=2)
    transformed = [np.asarray(transform(jnp.asarray(images))) for transform in transforms]
    shifted = [
        ndimage.shift(images, (0, down, right, 0), order=0, mode="nearest")
        for down, right in ((0, 0), (-2, 0), (2, 0), (0, -2), (0, 2))
    ]
    expected = [*shifted, *(np.flip(image, 2) for image in shifted)]
    np.testing.assert_array_equal(transformed, expected)


@pytest.mark.parametrize(
    ("flip", "shift", "count"), [(False, 0, 1), (True, 0, 2), (False, 3, 5), (True, 3, 10)]
)
def test_number_of_transforms(flip, shift, count):
    assert len(tta_transforms(flip, shift)) == count


def test_negative_shift():
    with pytest.raises(UserError, match=r"config\.tta\.shift=-1"):
        tta_transforms(False, -1)
