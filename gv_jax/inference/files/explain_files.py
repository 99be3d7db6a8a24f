"""Writes explanations of predicted files as images."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from gv_jax.errors import UserError
from gv_jax.inference.explain.explainer import NEAREST
from gv_jax.inference.explain.explanation import Explanation
from gv_jax.inference.explain.overlay import enlarge, to_rgb
from gv_jax.inference.explain.strip import draw_strip
from gv_jax.inference.files.input_files import Inputs
from gv_jax.inference.files.path_text import escape_path
from gv_jax.inference.files.predict_files import PredictedBatch
from gv_jax.inference.partial_file import write_partial

if TYPE_CHECKING:
    from gv_jax.inference.classifier import ClassifierRun

TITLES = {
    "grad_cam": "Grad-CAM",
    "integrated_gradients": "integrated gradients",
    "smooth_grad": "SmoothGrad",
    "occlusion": "occlusion",
}


@dataclass
class ExplanationFiles:
    """Writes DIR/NAME.METHOD.png for every image, NAME its path below the input.

    Attributes:
        run: Explains.
        folder: DIR.
        method: A name in METHODS.
        count: Files that were written.
    """

    run: "ClassifierRun"
    folder: Path
    method: str
    count: int = field(default=0, init=False)

    def check(self, inputs: Inputs) -> None:
        """Checks before anything is written.

        Raises:
            UserError: The run cannot be explained so; the folder is a file or in an input; two
                images have one name; an explanation would replace an image.
        """
        self.run.explainer.check(self.method)
        option = f"--explain {escape_path(self.folder)}"
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"{option}: is a file; give a folder")
        inner = Path(os.path.realpath(self.folder))
        for root in inputs.roots:
            if root.is_dir() and inner.is_relative_to(os.path.realpath(root)):
                raise UserError(f"{option}: lies in the input {root}; give another folder")
        files = {os.path.realpath(source.path) for source in inputs.sources}
        named: dict[str, str] = {}
        for source in inputs.sources:
            target = self.target_of(source.name)
            if os.path.realpath(target) in files:
                raise UserError(f"{option}: {escape_path(target)} is an input; give another folder")
            other = named.setdefault(os.path.normcase(target), str(source))
            if other != str(source):
                raise UserError(
                    f"{other} and {source} would both be explained in {escape_path(target)}; give "
                    "the folder that contains both, or two folders in two commands"
                )

    def target_of(self, name: str) -> Path:
        """The file for the image of this name."""
        return self.folder / f"{name}.{self.method}.png"

    def write(self, batch: PredictedBatch) -> None:
        """Writes the explanations of a batch.

        Raises:
            UserError: A file cannot be written.
        """
        for image in batch.images:
            assert image.pixels is not None
            explanation = self.run.explainer.explain(image.pixels, self.method, None, None)
            target = self.target_of(image.source.name)
            page = Image.fromarray(draw_explanation(explanation))
            try:
                with write_partial(target) as partial:
                    page.save(partial, "PNG")
            except OSError as error:
                raise UserError(
                    f"{escape_path(target)} cannot be written ({error.strerror or error})"
                ) from error
            self.count += 1


def draw_explanation(explanation: Explanation) -> np.ndarray:
    """The network input with label and probability, and beside it the overlay; uint8 [H W 3]."""
    image = enlarge(to_rgb(explanation.image))
    caption = [explanation.label, f"{100 * explanation.probability:.1f} %"]
    if explanation.method == NEAREST:
        left = draw_strip([image], [caption])
        return join_rows([left, explanation.overlay])
    method = [TITLES[explanation.method], explanation.layer]
    return draw_strip([image, explanation.overlay], [caption, method])


def join_rows(images: list[np.ndarray]) -> np.ndarray:
    """Images uint8 [h w 3] beside each other, white below the lower ones."""
    height = max(len(image) for image in images)
    padded = [
        np.pad(image, ((0, height - len(image)), (0, 0), (0, 0)), constant_values=255)
        for image in images
    ]
    return np.concatenate(padded, 1)
