"""Ablations: variants of one configuration, each run with several seeds, and their comparison."""
