"""Data sets of tiles or textures in a fixed set of class folders."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from gv_jax.data.builders.base import Example
from gv_jax.data.builders.image_folder import ImageFolder
from gv_jax.errors import UserError


class TileFolder(ImageFolder, skip_registration=True):
    """An image folder with the classes `fixed_classes`.

    The folder is `path`, or root/<name> if `path` is empty. Its classes are known without it.
    """

    def __init__(self, *, root: Path, path: str, **options):
        super().__init__(
            root=root, path=path or str(Path(root) / self.name), group_pattern="", **options
        )

    def find_classes(self, path: str) -> tuple[str, ...]:
        return self.fixed_classes

    def generate(self) -> Mapping[str, Iterable[Example]]:
        names = ", ".join(self.fixed_classes)
        if not self.folder.is_dir():
            raise UserError(
                f"{self.folder}: no such folder. Put the {len(self.fixed_classes)} class folders "
                f"of {self.name} there ({names}), or give their folder as --config.data.path=DIR."
            )
        present = {name for members in self.layout.members.values() for name, _ in members}
        missing = [name for name in self.fixed_classes if name not in present]
        if missing:
            advice = self.layout.wrong_level or (
                f"{self.name} has the class folders {names}; for other classes use "
                "--config.data.name=image_folder."
            )
            raise UserError(f"{self.folder}: has no images of {', '.join(missing)}. {advice}")
        return super().generate()
