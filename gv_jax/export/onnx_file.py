"""The ONNX model of a run."""

import json
from typing import Any

import numpy as np

from gv_jax.export.function import ImageFunction


def to_onnx_file(function: ImageFunction, metadata: dict[str, Any]) -> bytes:
    """The serialized model.

    Args:
        function: Of the run.
        metadata: Stored in the model as JSON texts by key.

    Raises:
        UserError: The network uses an operation that is not translated.
    """
    from onnx import helper

    from gv_jax.export.onnx_writer.model import to_onnx

    model = to_onnx(function.apply, function.input_shape, np.uint8)
    helper.set_model_props(model, {key: json.dumps(value) for key, value in metadata.items()})
    return model.SerializeToString()
