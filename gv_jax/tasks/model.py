"""The model of a configuration, as its task needs it."""

from flax import nnx

from gv_jax.data import dataset
from gv_jax.errors import UserError
from gv_jax.models.pretrained.load import build_from_section
from gv_jax.models.summary import summarize_layers
from gv_jax.tasks.registry import TASKS
from gv_jax.tasks.run_task import Config


def build_model(
    config: Config, num_outputs: int, size: tuple[int, int], *, pretrained: bool = True
) -> nnx.Module:
    """The model with its initial weights.

    Args:
        config: the resolved configuration.
        num_outputs: classes, or outputs per pixel.
        size: (height, width) of the images in pixels.
        pretrained: whether pretrained weights are loaded, if the configuration names any.
    """
    task = TASKS[config.task]
    return build_from_section(
        config.model,
        num_inputs=task.num_inputs(config),
        num_outputs=num_outputs,
        image_size=size,
        seed=config.seed,
        pretrained=pretrained,
        without=config.model.pretrained_without if task.uses_labels else (),
    )


def summarize_model(config: Config) -> str:
    """The model layer by layer, as a table; needs no images and draws no weights."""
    size = dataset.output_size(config.data)
    if not all(size):
        raise UserError("images have no common size: give --config.data.size=HEIGHTxWIDTH")
    task = TASKS[config.task]
    names = dataset.class_names(config.data.name, **dataset.builder_kwargs(config.data))
    num_outputs = task.num_outputs(config, len(names))
    model = nnx.eval_shape(lambda: build_model(config, num_outputs, size))
    return summarize_layers(model, size, task.num_inputs(config))
