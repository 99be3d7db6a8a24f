"""Comparison of a function of [n h w c] arrays and its gradients with PyTorch."""

import jax
import numpy as np
import pytest


def torch_functional():
    """torch.nn.functional; without PyTorch, the test that calls this is skipped."""
    return pytest.importorskip("torch").nn.functional


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def assert_equal_to_torch(function, torch_function, *arguments):
    """Outputs, and gradients of their sum of squares, agree with PyTorch in float64 to 1e-4."""

    @jax.jit  # compiled as a whole, in less time than its operations one by one
    def outputs_and_gradients(*arguments):
        y, vjp = jax.vjp(function, *arguments)
        return y, vjp(2 * y)

    y, gradients = outputs_and_gradients(*arguments)
    torch = pytest.importorskip("torch")
    tensors = [torch.from_numpy(np.asarray(a, np.float64)).requires_grad_() for a in arguments]
    expected = torch_function(*tensors)
    (expected * expected).sum().backward()
    np.testing.assert_allclose(y, expected.detach().numpy(), atol=1e-4)
    for gradient, tensor in zip(gradients, tensors, strict=True):
        other = tensor.grad.numpy()
        np.testing.assert_allclose(gradient, other, atol=1e-4 * np.abs(other).max())
