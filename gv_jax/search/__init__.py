"""Hyper-parameter search: trials of one configuration with values from a space."""
