import jax
import pytest


@pytest.fixture(autouse=True)
def strict():
    """Optax itself mixes integers and floats, so types promote here; the rest of the strictness stays."""
    with jax.numpy_rank_promotion("raise"), jax.debug_nans(True):
        yield
