import pytest


@pytest.fixture(autouse=True)
def strict():
    """Optax and Orbax promote dtypes, and a run that diverges has NaNs."""
