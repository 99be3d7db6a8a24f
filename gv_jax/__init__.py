"""Game vision in JAX."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gv_jax.inference.run import load_run

__all__ = ["load_run"]


def __getattr__(name: str) -> Any:
    """`load_run`, imported when it is first used: commands start without JAX."""
    if name == "load_run":
        from gv_jax.inference.run import load_run

        return load_run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
