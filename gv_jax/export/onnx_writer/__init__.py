"""Writes a JAX function as an ONNX model, opset 18, by translating its jaxpr.

Written by hand because jax2onnx, which does this for all of JAX, requires an older orbax-checkpoint
than this package: installed beside it, it would downgrade the library that reads the checkpoints.
Networks in inference need few primitives, and here normalization is folded into convolutions. A
primitive that is not translated is a UserError that names it.
"""
