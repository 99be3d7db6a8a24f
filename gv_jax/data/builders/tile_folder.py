"""Sets of 32x32 RGBA tiles that come as a folder with the same class folders for everybody."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from gv_jax.data.builders.base import Example
from gv_jax.data.builders.image_folder import ImageFolder
from gv_jax.errors import UserError


class TileFolder(ImageFolder, skip_registration=True):
    """An image folder whose classes are `fixed` and whose pictures all have 32x32 pixels.

    Without `path` it is root/<name>. Its classes are known where there is no folder at all.
    """

    fixed: tuple[str, ...]
    native_size = (32, 32)

    def __init__(self, *, root: Path, path: str, **options):
        super().__init__(
            root=root, path=path or str(Path(root) / self.name), group_pattern="", **options
        )

    def find_classes(self, path: str) -> tuple[str, ...]:
        return self.fixed

    def pictures(self) -> Mapping[str, Iterable[Example]]:
        kinds = ", ".join(self.fixed)
        if not self.folder.is_dir():
            raise UserError(
                f"{self.folder}: no such folder. Put the {len(self.fixed)} class folders of {self.name} "
                f"there ({kinds}), with 32x32 pictures, or say where they are: --config.data.path=DIR."
            )
        there = {name for members in self.members.values() for name, _ in members}
        missing = [name for name in self.fixed if name not in there]
        if missing:
            raise UserError(
                f"{self.folder}: no pictures of {', '.join(missing)}. {self.name} has the class folders "
                f"{kinds}; for other classes take --config.data.name=image_folder."
            )
        return super().pictures()
