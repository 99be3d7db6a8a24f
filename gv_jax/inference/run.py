"""A finished run as a Python object: `run = gv_jax.load_run("runs/x")`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gv_jax.errors import UserError
from gv_jax.inference.finished_run import load_network
from gv_jax.training.run_dir import RunDir

if TYPE_CHECKING:
    from gv_jax.inference.explain.explanation import Explanation
    from gv_jax.inference.prediction import Predictions


class Run:
    """A finished run. Its directory is enough: neither images nor the network are needed.

    Methods of other tasks raise UserError. All methods may be called from several threads.

    Attributes:
        path: The run directory.
        name: Its name.
        task: Name in TASKS.
        config: The configuration in config.json.
        results: The content of results.json.
        task_functions: The task with its pure functions.
        network: The network, and `weights`, its (params, batch_stats).
        purpose: What runs of this kind do, for messages.
    """

    purpose: ClassVar[str]

    def __init__(self, run_dir: RunDir) -> None:
        """Loads the network.

        Raises:
            UserError: A file of the run is missing or damaged.
        """
        self.path = run_dir.path
        self.name = run_dir.path.resolve().name
        self.config: dict[str, Any] = run_dir.config
        self.results: dict[str, Any] = run_dir.results or {}
        self.task: str = self.results["task"]
        loaded = load_network(run_dir)
        self.task_functions, self.network, self.weights = loaded
        self.loaded = loaded

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def predict(self, images: Any) -> "Predictions":
        """The classes of one or several images; see `ClassifierRun.predict`."""
        raise self._wrong_task("predict classes")

    def embed(self, images: Any) -> np.ndarray:
        """The features of one or several images; see `ClassifierRun.embed`."""
        raise self._wrong_task("embed images")

    def explain(
        self,
        image: Any,
        method: str = "grad_cam",
        label: str | None = None,
        layer: str | None = None,
    ) -> "Explanation":
        """Why a class is predicted; see `ClassifierRun.explain`."""
        raise self._wrong_task("explain predictions")

    def nearest(self, image: Any, count: int = 5) -> Any:
        """The nearest training images; see `ClassifierRun.nearest`."""
        raise self._wrong_task("compare images")

    def colorize(self, image: Any) -> np.ndarray:
        """The image with colors, uint8 [h w 3], or [h w 4] with its alpha if it has any."""
        raise self._wrong_task("colorize images")

    def upscale(self, image: Any) -> np.ndarray:
        """The image at twice its size, uint8 [2h 2w c]."""
        raise self._wrong_task("upscale images")

    def generate(self, label: str, count: int = 1, **options: Any) -> np.ndarray:
        """New images of a class, uint8 [count h w c]; see `GeneratorRun.generate`."""
        raise self._wrong_task("generate images")

    def _wrong_task(self, action: str) -> UserError:
        return UserError(f"{self.path} cannot {action}: it {self.purpose}")


def load_run(path: Path | str) -> Run:
    """Loads a finished run.

    Args:
        path: The run directory.

    Returns:
        A ClassifierRun, ColorizerRun, UpscalerRun or GeneratorRun.

    Raises:
        UserError: It is no finished run, one of another format version, or damaged.
    """
    from gv_jax.inference.classifier import ClassifierRun
    from gv_jax.inference.finished_run import load_finished_run
    from gv_jax.inference.generation.generator_run import GeneratorRun
    from gv_jax.inference.image_runs import ColorizerRun, UpscalerRun

    kinds: dict[str, type[Run]] = {
        "classification": ClassifierRun,
        "multi_label": ClassifierRun,
        "colorization": ColorizerRun,
        "super_resolution": UpscalerRun,
        "generation": GeneratorRun,
    }
    run_dir = load_finished_run(Path(path))
    return kinds[(run_dir.results or {})["task"]](run_dir)
