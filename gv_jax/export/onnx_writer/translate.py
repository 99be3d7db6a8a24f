"""Translates a jaxpr, primitive by primitive."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from gv_jax.errors import UserError
from gv_jax.export.onnx_writer.tensor import Tensor, Values, constant_tensor

# (values, operands, parameters, output with shape and dtype) -> the output with its value
Translation = Callable[[Values, list[Tensor], Mapping[str, Any], Tensor], Tensor]

BODIES = {  # primitive that calls a function -> its parameter that holds the function
    "jit": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "checkpoint": "jaxpr",
}


class Translator:
    """Walks through equations; those of constants are evaluated."""

    def __init__(
        self,
        values: Values,
        translations: Mapping[str, Translation],
        elementwise: frozenset[str],
    ) -> None:
        """Takes the tables of primitives.

        Args:
            values: Of the graph under construction.
            translations: Primitive -> translation.
            elementwise: Those whose operands have one shape, or are scalars.
        """
        self.values = values
        self.translations = translations
        self.elementwise = elementwise

    def run(self, jaxpr: Jaxpr, consts: Sequence[Any], inputs: Sequence[Tensor]) -> list[Tensor]:
        """The outputs of a jaxpr.

        Args:
            jaxpr: The program.
            consts: Values of its constants, arrays or tensors.
            inputs: Values of its inputs.
        """
        known: dict[Any, Tensor] = {}
        for variable, const in zip(jaxpr.constvars, consts, strict=True):
            known[variable] = (
                const if isinstance(const, Tensor) else constant_tensor(np.asarray(const))
            )
        known |= dict(zip(jaxpr.invars, inputs, strict=True))

        def read(atom: Any) -> Tensor:
            if isinstance(atom, Literal):
                aval: Any = atom.aval
                return constant_tensor(np.asarray(atom.val, aval.dtype))
            return known[atom]

        for equation in jaxpr.eqns:
            operands = [read(atom) for atom in equation.invars]
            known |= dict(zip(equation.outvars, self._apply(equation, operands), strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _apply(self, equation: Any, operands: list[Tensor]) -> list[Tensor]:
        """The outputs of one equation."""
        body = equation.params.get(BODIES.get(equation.primitive.name))
        if isinstance(body, ClosedJaxpr):
            return self.run(body.jaxpr, body.consts, operands)
        if isinstance(body, Jaxpr):
            return self.run(body, [], operands)
        evaluated = self._evaluate(equation, operands)
        if evaluated is not None:
            return evaluated
        name = equation.primitive.name
        if name not in self.translations:
            raise UserError(
                f"ONNX export: the operation {name!r} of JAX has no translation; use another "
                "--format for this model"
            )
        outputs = [Tensor(tuple(out.aval.shape), out.aval.dtype) for out in equation.outvars]
        translate = self.translations[name]
        return [translate(self.values, operands, equation.params, out) for out in outputs]

    def _evaluate(self, equation: Any, operands: list[Tensor]) -> list[Tensor] | None:
        """The outputs if all operands are constants; None otherwise."""
        if not operands or any(tensor.constant is None for tensor in operands):
            return None
        if equation.primitive.name in self.elementwise:
            return [self._evaluate_elementwise(equation, operands)]
        arrays = [self.values.evaluated(tensor) for tensor in operands]
        shapes = [out.aval.shape for out in equation.outvars]
        if any(array is None for array in arrays) or equation.primitive.name == "broadcast_in_dim":
            return None
        if not all(isinstance(size, int) for shape in shapes for size in shape):
            return None
        results = bind(equation.primitive, arrays, equation.params)
        return [constant_tensor(np.asarray(result)) for result in results]

    def _evaluate_elementwise(self, equation: Any, operands: list[Tensor]) -> Tensor:
        """As numpy broadcasts: axes that all operands repeat are not written out."""
        (out,) = equation.outvars
        rank = out.aval.ndim
        arrays = [tensor.constant for tensor in operands if tensor.constant is not None]
        same = np.broadcast_arrays(*(array for array in arrays if array.ndim == rank))
        shape = same[0].shape
        arrays = [np.broadcast_to(array, shape) for array in arrays]
        (result,) = bind(equation.primitive, arrays, equation.params)
        broadcast = frozenset(
            axis
            for axis, size in enumerate(out.aval.shape)
            if shape[axis] == 1 and not (isinstance(size, int) and size == 1)
        )
        return Tensor(tuple(out.aval.shape), out.aval.dtype, {}, np.asarray(result), broadcast)


def bind(primitive: Any, arrays: Sequence[Any], parameters: Mapping[str, Any]) -> list[Any]:
    """The outputs of a primitive, computed now."""
    with jax.ensure_compile_time_eval(), jax.debug_nans(False):
        result = primitive.bind(*map(jax.numpy.asarray, arrays), **parameters)
    return list(result) if primitive.multiple_results else [result]
