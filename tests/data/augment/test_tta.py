import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from gv_jax.data.augment.tta import tta_transforms
from gv_jax.errors import UserError


def test_views_are_the_picture_its_shifts_and_their_mirror_images():
    images = np.random.default_rng(0).random((2, 5, 6, 3)).astype(np.float32)
    found = [np.asarray(view(jnp.asarray(images))) for view in tta_transforms(flip=True, shift=2)]
    moved = [
        ndimage.shift(images, (0, down, right, 0), order=0, mode="nearest")
        for down, right in ((0, 0), (-2, 0), (2, 0), (0, -2), (0, 2))
    ]
    expected = [*moved, *(np.flip(picture, 2) for picture in moved)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("flip", "shift", "count"), [(False, 0, 1), (True, 0, 2), (False, 3, 5), (True, 3, 10)]
)
def test_number_of_views(flip, shift, count):
    assert len(tta_transforms(flip, shift)) == count


def test_shift_below_zero_is_refused():
    with pytest.raises(UserError, match="shift is -1"):
        tta_transforms(False, -1)
