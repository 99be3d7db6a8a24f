"""Single operations of JAX in another runtime, with sizes known and symbolic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gv_jax.errors import UserError

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from gv_jax.export.onnx_writer.model import to_onnx
from tests.export.test_onnx_models import run_onnx

TABLE = np.arange(8, dtype=np.float32)

FUNCTIONS = {
    "mirror and shift": lambda x: x[:, :, ::-1].take(np.array([0, 0, 1, 2, 3]), 1),
    "pad and crop": lambda x: lax.pad(x, 2.0, ((0, 0, 0), (1, 2, 0), (-1, 0, 0), (0, 0, 0))),
    "strided slice": lambda x: lax.slice(x, (0, 1, 0, 0), (x.shape[0], 5, 3, 4), (1, 2, 1, 1)),
    "concatenate": lambda x: jnp.concatenate([x, 2 * x[..., :1]], -1),
    "transposed product": lambda x: jnp.einsum("nhwc,nhvc->nhwv", x, x),
    "left product": lambda x: jnp.einsum("ah,nhwc->nawc", np.ones((2, 5), np.float32), x),
    "softmax": lambda x: jax.nn.softmax(x.reshape(x.shape[0], -1)),
    "sigmoid and tanh": lambda x: jax.nn.sigmoid(x) * jnp.tanh(x),
    "powers": lambda x: jnp.abs(x) ** 2.4 + x**3 + jnp.cbrt(x) + lax.rsqrt(jnp.abs(x) + 1),
    "choice": lambda x: jnp.where((x > 0) & (x <= 1), jnp.round(x * 4), jnp.clip(x, -1, 1)),
    "all": lambda x: jnp.where((x > 0).all(-1, keepdims=True), x, 0.0),
    "largest": lambda x: jnp.asarray(TABLE)[x.argmax(-1)],
    "mean of images": lambda x: x.mean((1, 2)),
    "mean of a batch": lambda x: jnp.concatenate([x, -x]).reshape(2, -1, *x.shape[1:]).mean(0),
    "positions": lambda x: x + jnp.arange(x.shape[2], dtype=jnp.float32)[None, None, :, None],
    "repeated pixels": lambda x: jnp.broadcast_to(
        x[:, :, None, :, None], (x.shape[0], x.shape[1], 2, x.shape[2], 2, x.shape[3])
    ).reshape(x.shape[0], 2 * x.shape[1], 2 * x.shape[2], x.shape[3]),
    "shuffled pixels": lambda x: (
        x.reshape(*x.shape[:3], 1, 2, 2)
        .transpose(0, 1, 4, 2, 5, 3)
        .reshape(x.shape[0], 2 * x.shape[1], 2 * x.shape[2], 1)
    ),
    "bytes": lambda x: jnp.where(
        x.astype(jnp.uint8) == jnp.uint8(0), jnp.uint8(7), x.astype(jnp.uint8)
    ),
}
SYMBOLIC_SIDES = {  # not with a constant whose size is that of the image
    name: function
    for name, function in FUNCTIONS.items()
    if name not in ("left product", "mirror and shift", "transposed product", "strided slice")
}


@pytest.mark.parametrize(
    ("name", "dimensions"),
    [(name, "b, 5, 6, 4") for name in FUNCTIONS]
    + [(name, "b, h, w, 4") for name in SYMBOLIC_SIDES],
)
def test_operations(name, dimensions):
    function = FUNCTIONS[name]
    x = np.random.default_rng(0).normal(size=(3, 5, 6, 4)).astype(np.float32)
    if name == "bytes":
        x = np.abs(x * 3)
    with jax.numpy_rank_promotion("allow"):
        model = to_onnx(function, jax.export.symbolic_shape(dimensions), np.float32)
        expected = function(jnp.asarray(x))
    actual = run_onnx(model, x)
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "expression", ["h + -h % 8", "-(-h // 3) * 3", "2 * h * w - b", "h // 2 + w // 3", "h**2"]
)
def test_symbolic_sizes_are_computed(expression):
    b, h, w = jax.export.symbolic_shape("b, h, w")
    length = eval(expression, {"b": b, "h": h, "w": w})

    def function(x):
        return jnp.arange(length, dtype=jnp.int32)

    model = to_onnx(function, (b, h, w), np.float32)
    size = {"b": 2, "h": 7, "w": 5}
    assert len(run_onnx(model, np.zeros((2, 7, 5), np.float32))) == eval(expression, size)


def test_an_operation_without_translation_is_named():
    with pytest.raises(UserError, match="'sort'"):
        to_onnx(jnp.sort, jax.export.symbolic_shape("b, 3"), np.float32)
