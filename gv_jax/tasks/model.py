"""The model of a configuration, as its task needs it."""

from flax import nnx

from gv_jax.models.backgrounds import ALPHA, Composite
from gv_jax.models.pooled_head import has_pooled_head, with_pooled_head
from gv_jax.models.pretrained.load import build_from_section
from gv_jax.tasks.registry import TASKS
from gv_jax.tasks.run_task import Config


def build_model(
    config: Config, num_outputs: int, size: tuple[int, int], *, pretrained: bool = True
) -> nnx.Module:
    """The model with its initial weights: with config.probe.maps, with a head on these maps.

    With config.probe.backgrounds, the backbone takes RGB images.

    Args:
        config: the resolved configuration.
        num_outputs: classes, or outputs per pixel.
        size: (height, width) of the images in pixels.
        pretrained: whether pretrained weights are loaded, if the configuration names any.
    """
    task = TASKS[config.task]
    grays = config.probe.backgrounds
    composite = Composite(grays, config.data.mean, config.data.std) if grays else None
    num_inputs = task.num_inputs(config) if composite is None else ALPHA
    model = build_from_section(
        config.model,
        num_inputs=num_inputs,
        num_outputs=num_outputs,
        image_size=size,
        seed=config.seed,
        pretrained=pretrained,
        without=config.model.pretrained_without if task.uses_labels else (),
    )
    if not has_pooled_head(config.probe.maps):
        return model
    return with_pooled_head(
        model,
        config.probe.maps,
        in_features=num_inputs,
        out_features=num_outputs,
        size=size,
        seed=config.seed,
        composite=composite,
    )
