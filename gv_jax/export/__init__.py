"""Exported models: a finished run as a file that works without gv_jax."""
