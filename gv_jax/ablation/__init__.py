"""Ablations: `VARIANTS` of one configuration, run with several seeds and compared with honest statistics."""

from gv_jax.ablation.command import QUICK, ablate

__all__ = ["QUICK", "ablate"]
