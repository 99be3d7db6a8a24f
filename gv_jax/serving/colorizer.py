"""A finished colorization run as a function: grey pictures in, the same in colour out."""

from collections.abc import Callable
from pathlib import Path

import jax
from flax import nnx

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.colorization import Colorization, told
from gv_jax.training.colour_heads import remade
from gv_jax.training.run_folder import RunFolder
from gv_jax.training.step import Network, make_answer

Colorize = Callable[[jax.Array], jax.Array]


def colorizer(run_folder: Path | str) -> Colorize:
    """A pure function for `jax.jit`: float32 greys [n h w 1] in [0, 1], of any size, -> L, a and b [n h w 3].

    `gv_jax.training.colorization.shown` makes pictures of these. L is that of the greys, but for a run that answers
    the lightness too (config.colour.lightness). Nothing but the folder is needed, no training data.
    UserError for a folder that is not a finished colorization run.
    """
    folder = finished(Path(run_folder))
    assert folder.results is not None
    colour = folder.config["colour"]
    head = remade(colour["head"], folder.results["colours"], folder.results["channels"], colour["temperature"])
    asked = folder.config["model"]
    options = {name: asked[name] for name in ("classifier", "last_stage") if asked[name]}
    model = models.build(asked["name"], inputs=1, classes=head.outputs, rngs=nnx.Rngs(0), **options)
    network, task = Network.of(model), Colorization(head, lambda key, greys: greys)
    with Checkpoints(folder.checkpoints) as checkpoints:
        if checkpoints.latest is None:
            raise UserError(f"{folder.checkpoints} holds no checkpoint: the weights of this run are gone")
        best = checkpoints.best({"params": network.params, "stats": network.stats})
    answer = make_answer(network)

    def colorize(greys: jax.Array) -> jax.Array:
        return task.answered(answer(best["params"], best["stats"], told(greys)), greys)

    return colorize


def finished(path: Path) -> RunFolder:
    """The folder of a finished colorization run."""
    folder = RunFolder(path)
    if not folder.finished or folder.results is None:
        raise UserError(f"{path} holds no finished run")
    task = folder.results["task"]
    if task != "colorization":
        raise UserError(f"{path} holds a run of {task}: only one of colorization can colour pictures")
    return folder
