"""The recipe that configs/folder.py chooses for a folder."""

import numpy as np
import pytest
from PIL import Image

from gv_jax.cli.flags import load_config
from gv_jax.config import default, recipe
from gv_jax.config.folder_facts import FolderFacts
from gv_jax.config.resolve import resolve
from gv_jax.config.validate import validate
from gv_jax.errors import UserError


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "images", 3, (32, 32), "RGBA")


@pytest.fixture(params=[True, False])
def installed(request, monkeypatch):
    monkeypatch.setattr(recipe, "has_weights", lambda: request.param)
    return request.param


@pytest.fixture
def weights(monkeypatch):
    monkeypatch.setattr(recipe, "has_weights", lambda: True)


def make_folder(folder, count, size, mode):
    """`count` images (height, width) in each of the classes a and b."""
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = np.full((*size, len(mode)), 10 * index, np.uint8)
            Image.fromarray(pixels, mode).save(folder / name / f"{index}.png")
    return folder


def load(folder, **fields):
    return load_config(f"configs/folder.py:{folder}", fields)


def test_auto_needs_weights_to_use_them(folder, installed):
    config = load(folder)
    assert config.recipe == ("fast" if installed else "scratch")
    assert bool(config.model.pretrained) == installed
    assert config.data.channels == 4
    assert "about 5 training images of 2 classes" in config.recipe_reason
    assert ("pip install" in config.recipe_reason) != installed
    assert "min on 2 CPU cores" in config.recipe_reason


@pytest.mark.parametrize(
    ("count", "side", "name"),
    [
        (recipe.FAST_BELOW - 1, 512, "fast"),
        (recipe.FAST_BELOW, 512, "finetune"),
        (recipe.FAST_ABOVE, 512, "finetune"),
        (recipe.FAST_ABOVE + 1, 512, "fast"),
        (recipe.FAST_BELOW, recipe.SMALL_SIDE, "fast"),
        (recipe.FAST_BELOW, recipe.SMALL_SIDE + 1, "finetune"),
    ],
)
def test_few_many_and_small_images_are_probed(weights, count, side, name):
    facts = FolderFacts(count, 10, (32, side), False)
    assert recipe.choose_recipe(facts)[0] == name


@pytest.mark.parametrize("name", ["fast", "finetune", "scratch"])
def test_a_recipe_can_be_given(folder, weights, name):
    config = load(folder, recipe=name)
    assert config.recipe == name
    assert config.probe.method == ("ridge" if name == "fast" else "")
    assert config.recipe_reason.startswith("as given")


@pytest.mark.parametrize(("side", "crop"), [(recipe.SMALL_SIDE, 1.0), (512, recipe.PROBED_CROP)])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_probe_fits_its_images(side, crop, transparent):
    fields = recipe.set_fast(FolderFacts(100, 3, (side, side), transparent))
    assert fields["data.crop_pct"] == crop
    assert fields["probe.backgrounds"] == (recipe.BACKGROUNDS if transparent else ())
    assert fields["data.channels"] == (4 if transparent else 3)


@pytest.mark.parametrize("given", [{"data.channels": "3"}, {"probe.maps": "last"}])
def test_backgrounds_are_left_out_where_nothing_uses_them(folder, weights, monkeypatch, given):
    facts = FolderFacts(100, 3, (32, 32), transparent=True)
    monkeypatch.setattr(recipe, "inspect_folder", lambda *_: facts)
    assert load(folder).probe.backgrounds == recipe.BACKGROUNDS
    assert load(folder, **given).probe.backgrounds == ()


def test_the_time_follows_the_backgrounds(folder, weights, monkeypatch):
    facts = FolderFacts(50_000, 3, (32, 32), transparent=True)
    monkeypatch.setattr(recipe, "inspect_folder", lambda *_: facts)
    one, three = (
        read_minutes(load(folder, **given)) for given in ({"probe.backgrounds": "()"}, {})
    )
    assert 2 * one < three


def test_fields_of_the_command_line_win(folder, weights):
    config = load(folder, **{"train.epochs": "2", "data.size": "48x32", "recipe": "finetune"})
    assert (config.train.epochs, config.data.size) == (2, (48, 32))


def read_minutes(config):
    return int(config.recipe_reason.split("about ")[-1].split()[0])


def test_the_time_is_that_of_the_epochs_and_the_size_in_use(folder, weights):
    given = {"recipe": "finetune", "data.size": "(500, 400)", "train.epochs": "60"}
    minutes = read_minutes(load(folder, **given))
    count, spent = 5, 60 * recipe.RECIPES["finetune"].micros_per_pixel * 500 * 400 / 60e6
    assert minutes == round(recipe.RECIPES["finetune"].compile_minutes + count * spent)
    assert read_minutes(load(folder, **{**given, "train.epochs": "6000"})) > 5 * minutes
    assert read_minutes(load(folder, **{**given, "data.size": "(48, 32)"})) < minutes
    probe = load(folder, recipe="fast", **{"train.epochs": "100000"})  # which has none
    assert read_minutes(probe) == read_minutes(load(folder, recipe="fast"))


@pytest.mark.parametrize(
    "given", [{"train.epochs": "many"}, {"data.size": "(1,"}, {"data.size": "(0, 0)"}]
)
def test_values_that_cannot_be_used_are_left_to_their_checks(folder, weights, given):
    config = default.get_config()
    recipe.apply_recipe(config, str(folder), {"recipe": "finetune", **given})
    assert "min on 2 CPU cores" in config.recipe_reason


def test_another_network_has_no_measured_time(folder, weights):
    config = load(folder, recipe="finetune", **{"model.name": "vit_tiny_patch16"})
    assert (config.recipe, config.recipe_reason) == ("finetune", "as given")


def test_an_own_network_has_no_recipe_but_the_fields_of_scratch(folder, weights):
    config = load(folder, **{"model.name": "baseline"})
    assert (config.recipe, config.model.name) == ("own", "baseline")
    assert config.train.epochs == recipe.SCRATCH_EPOCHS
    assert config.model.pretrained == ""
    assert "config.model.name" in config.recipe_reason


def test_auto_is_recorded_as_the_recipe_it_chose(folder, weights):
    assert load(folder, recipe="auto").recipe == "fast"


def test_weights_that_are_missing(folder, monkeypatch):
    monkeypatch.setattr(recipe, "has_weights", lambda: False)
    with pytest.raises(UserError, match=r"pip install 'gv_jax\[weights\]'"):
        load(folder, recipe="fast")


def test_unknown_recipe(folder):
    with pytest.raises(UserError, match=r"'finetne'.*finetune"):
        load(folder, recipe="finetne")


def test_other_config_files_have_no_recipe():
    config = load_config("configs/dungeon_tiles.py", {"recipe": "fast"})
    with pytest.raises(UserError, match=r"config\.recipe"):
        validate(resolve(config))


def test_a_folder_that_cannot_be_used_is_left_to_the_data_set(tmp_path):
    assert load(tmp_path / "nowhere").recipe == ""
    assert load(tmp_path).recipe == ""


def test_damaged_images_do_not_matter(folder, weights):
    (folder / "a" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nxx")
    assert load(folder).recipe == "fast"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((32, 32), (96, 96)),
        ((48, 16), (128, 64)),  # at most 2:1
        ((240, 320), (96, 128)),
        ((512, 512), (112, 112)),
        ((10, 1000), (80, 160)),
    ],
)
def test_input_sizes_keep_area_and_aspect(size, expected):
    assert recipe.choose_input_size(size, (96, 112)) == expected


def test_epochs_depend_on_the_number_of_images():
    epochs = [
        recipe.set_finetune(FolderFacts(count, 2, (32, 32), False))["train.epochs"]
        for count in (10, 1_000, 1_000_000)
    ]
    assert epochs == [recipe.MAX_EPOCHS, 20, recipe.MIN_EPOCHS]


def test_a_run_keeps_its_recipe_when_the_folder_changes(folder, weights):
    recorded = load(folder).to_dict()  # fast
    for index in range(700):
        Image.new("RGBA", (64, 64)).save(folder / "a" / f"new{index}.png")
    config = load(folder, **{"optimizer.weight_decay": "0.5"})
    assert config.recipe == "finetune"
    recipe.keep_recipe(config, recorded, {"optimizer.weight_decay": "0.5"})
    assert (config.recipe, config.probe.method) == ("fast", "ridge")
    assert config.finetune.stage_lrs == ()
    assert config.recipe_reason == recorded["recipe_reason"]
    assert config.optimizer.weight_decay == 0.5


def test_auto_keeps_the_recipe_of_a_run_too(folder, weights):
    recorded = load(folder).to_dict()  # fast
    config = load(folder, recipe="scratch")
    recipe.keep_recipe(config, recorded, {"recipe": "auto"})
    assert (config.recipe, config.recipe_reason) == ("fast", recorded["recipe_reason"])


def test_another_recipe_than_that_of_a_run_states_its_own_reason(folder, weights):
    recorded = load(folder).to_dict()  # fast
    config = load(folder, recipe="finetune")
    recipe.keep_recipe(config, recorded, {"recipe": "finetune"})
    assert config.recipe == "finetune"
    assert config.recipe_reason.startswith("as given")
