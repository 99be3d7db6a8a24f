"""The model of a configuration layer by layer."""

from flax import nnx

from gv_jax.data import dataset
from gv_jax.data.transforms import output_size
from gv_jax.errors import UserError
from gv_jax.models.summary import summarize_layers
from gv_jax.tasks.model import build_model
from gv_jax.tasks.registry import TASKS
from gv_jax.tasks.run_task import Config
from gv_jax.training.finetune import FinetuneSpec

NOMINAL_STEPS = 1000  # per epoch: which stages are never trained does not depend on it


def summarize_model(config: Config) -> str:
    """The model layer by layer, as a table; needs no images and draws no weights.

    Layers that a probe or config.finetune never trains are counted as not trainable.
    """
    size = output_size(config.data)
    if not all(size):
        raise UserError("images have no common size: give --config.data.size=HEIGHTxWIDTH")
    task = TASKS[config.task]
    names = dataset.class_names(config.data.name, **dataset.builder_kwargs(config.data))
    num_outputs = task.num_outputs(config, len(names))
    model = nnx.eval_shape(lambda: build_model(config, num_outputs, size))
    spec = FinetuneSpec.from_section(
        config.finetune,
        model,
        config.model.name,
        probe=bool(config.probe.method),
        learning_rate=config.optimizer.learning_rate,
        grad_accum_steps=1,
        total_steps=NOMINAL_STEPS * config.train.epochs,
        steps_per_epoch=NOMINAL_STEPS,
    )
    return summarize_layers(model, size, task.num_inputs(config), spec.never_trained)
