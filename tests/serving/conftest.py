import pytest


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes integers itself."""
