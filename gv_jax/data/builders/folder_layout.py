"""Which folders of a folder of labeled images are classes, and which are splits."""

import os
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from gv_jax.data.builders.file_list import ClassFiles, FileEntry, escape_name
from gv_jax.data.builders.folder_listing import FolderListing
from gv_jax.data.builders.system_files import is_system_name
from gv_jax.data.natural_order import natural_key
from gv_jax.errors import UserError
from gv_jax.wording import count_noun

SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "vali", "dev", "devel", "development"), "valid"),
    **dict.fromkeys(("test", "testing", "tst", "holdout"), "test"),
    **dict.fromkeys(("eval", "evaluation"), "eval"),  # test, or valid where there is a test
    **dict.fromkeys(("pred", "predict", "prediction", "predictions"), "unlabeled"),
    **dict.fromkeys(("unlabeled", "unlabelled"), "unlabeled"),
}
NEUTRAL_WORDS = {
    *("data", "dataset", "datasets", "set", "split", "folder", "files"),
    *("image", "images", "img", "imgs", "photo", "photos", "pic", "pics", "picture", "pictures"),
}
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")
JOINED_WORDS = re.compile(rf"({'|'.join(SPLIT_WORDS)})(?:{'|'.join(NEUTRAL_WORDS)})")
PATH_OPTION = "--config.data.path"
MAX_LISTED = 6  # folder names in a message
Parts = tuple[str, ...]  # path relative to the listed folder


@dataclass(frozen=True)
class FolderLayout:
    """Images by split and class.

    Attributes:
        members: split -> its images; all are in the split "" if there are no split folders.
        bases: split -> folder of its class folders.
        outside: images in no class folder.
        unlabeled: folder of images without labels -> their number; they are in no split.
        wrong_level: which folder to give instead, if this one seems to be a level off; or "".
    """

    members: dict[str, ClassFiles]
    bases: dict[str, Parts]
    outside: tuple[FileEntry, ...] = ()
    unlabeled: tuple[tuple[str, int], ...] = ()
    wrong_level: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """The class folders of train, or of all images, in natural order."""
        members = self.members.get("train") or self.members.get("")
        return tuple(sorted({name for name, _ in members or ()}, key=natural_key))

    def describe_unlabeled(self, folder: Path) -> list[str]:
        """A line for each folder of images without labels."""
        return [
            f"{escape_name(str(folder / name))}: {count_noun(count, 'image')} without labels, "
            "in no split: left for prediction"
            for name, count in self.unlabeled
        ]


class Tree:
    """The folders of a listing that contain images at any depth.

    Attributes:
        children: folder -> names of its subfolders.
        num_files: folder -> number of images directly in it.
    """

    def __init__(self, files: Iterable[FileEntry]):
        self.children: defaultdict[Parts, set[str]] = defaultdict(set)
        self.num_files: Counter[Parts] = Counter()
        for file in files:
            parts = PurePosixPath(file.name).parts
            self.num_files[parts[:-1]] += 1
            for depth in range(len(parts) - 1):
                self.children[parts[:depth]].add(parts[depth])

    def only_child(self, folder: Parts) -> Parts | None:
        """The only subfolder of a folder without images of its own."""
        if self.num_files[folder] or len(self.children[folder]) != 1:
            return None
        return (*folder, *self.children[folder])

    def descend(self, folder: Parts) -> Parts:
        """The folder of several subfolders below `folder` that each folder between leads to."""
        deepest = folder
        while (child := self.only_child(deepest)) is not None:
            deepest = child
        is_parent = len(self.children[deepest]) > 1 and not self.num_files[deepest]
        return deepest if is_parent else folder


def find_layout(
    folder: Path, listing: FolderListing, known_classes: Collection[str] = ()
) -> FolderLayout:
    """Finds split and class folders.

    Split folders are named as in `find_split_folders`. Beside them are only folders of images
    without labels. Folders with a single subfolder, as in train/train/<class>, are passed through.

    Args:
        folder: the listed folder, for messages.
        listing: its images.
        known_classes: class folders, if they are known.

    Raises:
        UserError: split folders are mixed with others, or the top folders are no classes.
    """
    tree = Tree(listing.files)
    tops = sorted(tree.children[()], key=natural_key)
    split_of = find_split_folders(tops)
    if not split_of:
        check_no_hidden_splits(folder, tree, tops, known_classes)
        bases: dict[str, Parts] = {"": ()}
        return _make_layout(folder, listing, bases, (), tree)
    named = Counter(split for split in split_of.values() if split != "unlabeled")
    if len(split_of) < len(tops) or max(named.values()) > 1:
        raise UserError(
            f"{folder}: contains both splits and classes, or a split twice "
            f"({', '.join(map(repr, tops))}). Keep only train, valid and test there, or only "
            "classes."
        )
    base_of = {top: tree.descend((top,)) for top in tops}
    train = next(base_of[top] for top, split in split_of.items() if split == "train")
    bases, unlabeled = {}, []
    for top, split in split_of.items():
        labels = tree.children[base_of[top]]
        has_labels = len(labels) > 1 or labels & tree.children[train]
        if split == "unlabeled" or (split != "train" and not has_labels):
            unlabeled.append(top)
        else:
            bases[split] = base_of[top]
    ordered = {split: bases[split] for split in ("train", "valid", "test") if split in bases}
    return _make_layout(folder, listing, ordered, tuple(unlabeled), tree)


def find_split_folders(names: Sequence[str]) -> dict[str, str]:
    """Name -> "train", "valid", "test" or "unlabeled"; {} if the folders are classes.

    Names are compared by words, in any case and with any separator. One word names the split; the
    others say nothing, as "images", or are the same in all names: train, Training, TrainImages,
    seg_train and train2017. They are splits only if one of them is train and it is not alone among
    other folders, which would be classes. Evaluation is the test split, or the validation split
    beside a test split.
    """
    parsed = {name: word for name in names if (word := parse_split_name(name)) is not None}
    contexts = [context for split, context in parsed.values() if split == "train"]
    if not contexts:
        return {}
    context = max(contexts, key=[context for _, context in parsed.values()].count)
    splits = {name: split for name, (split, other) in parsed.items() if other == context}
    if len(splits) == 1 < len(names):
        return {}
    evaluation = "valid" if "test" in splits.values() else "test"
    return {name: evaluation if split == "eval" else split for name, split in splits.items()}


def parse_split_name(name: str) -> tuple[str, tuple[str, ...]] | None:
    """(the split of SPLIT_WORDS that a folder's name contains, its other words), or None."""
    words = [word.lower() for word in WORD.findall(name)]
    words = [match[1] if (match := JOINED_WORDS.fullmatch(word)) else word for word in words]
    splits = [SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS]
    if len(splits) != 1:
        return None
    others = (word for word in words if word not in SPLIT_WORDS and word not in NEUTRAL_WORDS)
    return splits[0], tuple(others)


def check_no_hidden_splits(
    folder: Path, tree: Tree, tops: Sequence[str], known_classes: Collection[str]
) -> None:
    """Checks that the top folders are not splits, sources or folds of the same classes.

    Args:
        folder: the listed folder, for the message.
        tree: its folders.
        tops: names of its subfolders.
        known_classes: class folders, if they are known.

    Raises:
        UserError: all have the same subfolders, at least two, and no images of their own.
    """
    subfolders = [{name.casefold() for name in tree.children[(top,)]} for top in tops]
    largest = max(subfolders, key=len, default=set())
    same = len(tops) > 1 and all(len(names) > 1 and names <= largest for names in subfolders)
    if not same or set(tops) <= set(known_classes) or any(tree.num_files[(top,)] for top in tops):
        return
    inner = max((tree.children[(top,)] for top in tops), key=len)
    raise UserError(
        f"{folder}: its folders {quote(tops)} all have the same subfolders "
        f"({quote(sorted(inner, key=natural_key))}), so they are no classes. If they are splits, "
        f"name them train, valid and test; otherwise give one of them, as in "
        f"{PATH_OPTION}='{folder / tops[0]}', or move the images of each class into one folder."
    )


def quote(names: Sequence[str]) -> str:
    """Names in quotes, at most MAX_LISTED of them."""
    more = f" and {len(names) - MAX_LISTED:,} more" if len(names) > MAX_LISTED else ""
    return ", ".join(map(repr, names[:MAX_LISTED])) + more


def _make_layout(
    folder: Path,
    listing: FolderListing,
    bases: dict[str, Parts],
    unlabeled: Sequence[str],
    tree: Tree,
) -> FolderLayout:
    rows = {split: array("i") for split in bases}
    counts, outside = Counter[str](), []
    split_of_top = {base[0] if base else "": split for split, base in bases.items()}
    for row, file in enumerate(listing.files):
        parts = PurePosixPath(file.name).parts
        split = split_of_top.get("" if () in bases.values() else parts[0])
        if len(parts) > 1 and parts[0] in unlabeled:
            counts[parts[0]] += 1
        elif split is not None and len(parts) > len(bases[split]) + 1:
            rows[split].append(row)
        else:
            outside.append(file)
    members = {
        split: ClassFiles(listing.files, np.array(rows[split]), len(base))
        for split, base in bases.items()
    }
    return FolderLayout(
        members,
        bases,
        tuple(outside),
        tuple(counts.items()),
        _explain_level(folder, tree) if () in bases.values() else "",
    )


def _explain_level(folder: Path, tree: Tree) -> str:
    """Which folder to give instead of one above the classes, or of one class; "" for neither."""
    below = tree.descend(())
    if below:
        return f"The class folders lie deeper: {PATH_OPTION}='{folder.joinpath(*below)}'."
    parent = Path(os.path.abspath(folder)).parent
    if not tree.children[()] and tree.num_files[()] and _count_folders(parent) > 1:
        return f"If it is the folder of one class, give its parent: {PATH_OPTION}='{parent}'."
    return ""


def _count_folders(folder: Path) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(entry.is_dir() and not is_system_name(entry.name) for entry in entries)
    except OSError:
        return 0
