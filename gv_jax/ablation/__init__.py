"""Ablations: `VARIANTS` of one configuration, run with several seeds and compared with honest statistics."""

from gv_jax.ablation.command import SMOKE, run_ablation

__all__ = ["SMOKE", "run_ablation"]
