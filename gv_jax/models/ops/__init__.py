"""Convolution and pooling, [n h w c].

Only this package calls their primitives, and only this package knows the backend.
"""
