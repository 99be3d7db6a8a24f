import jax
import pytest


@pytest.fixture(autouse=True)
def strict():
    """Optax mixes integers and floats, so dtype promotion is not strict here."""
    with jax.numpy_rank_promotion("raise"), jax.debug_nans(True):
        yield
