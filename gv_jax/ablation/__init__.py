"""Ablations: `VARIANTS` of one configuration, run with several seeds and compared with honest statistics."""

from gv_jax.ablation.command import ablate

__all__ = ["ablate"]
