import hashlib
import io
import tarfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from gv_jax.data import dataset
from gv_jax.data.builders import dungeon_tiles
from gv_jax.data.builders.dungeon_tiles import (
    CLASS_COUNTS,
    CLASS_FOLDERS,
    SOURCE_RELEASE,
    DungeonTiles,
)
from gv_jax.errors import UserError

COMMON = {"skip_broken": False, "valid_fraction": 0.2, "test_fraction": 0.2, "split_seed": 0}
SHAPE = {
    "size": (32, 32),
    "channels": 4,
    "fit": "stretch",
    "interpolation": "box",
    "background": (1, 2, 3),
}
# Of the README of the set: a folder of each kind, deep enough to show that the longest rule counts.
PLACES = {
    "dngn/altars": "feature",
    "dngn/floor/grass": "floor",
    "dngn/wall/lab": "wall",
    "dngn/water": "water",
    "effect": "effect",
    "gui/spells/fire": "icon",
    "item/potion": "item",
    "item/ring/i": "armour",
    "item/weapon/ranged": "weapon",
    "misc/numbers": "icon",
    "misc/blood": "effect",
    "mon/unique": "monster",
    "mon/dragons": "beast",
    "mon/undead/zombies": "undead",
    "player/boots": "clothes",
    "player/hand1/artefact": "hand",
    "player/base": "body",
}


def tile(seed, side=32):
    """A tile that no other seed gives, upper half clear with a hidden colour."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 4)).astype(np.uint8)
    pixels[: side // 2, :, 3] = 0
    pixels[side // 2 :, :, 3] = 255
    return pixels


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def release():
    """name -> file of a small release: a folder has three tiles in two variants; some must be left out."""
    files = {}
    for number, place in enumerate(PLACES):
        for variant in range(6):
            files[f"{place}/thing{'abc'[variant // 2]}_{variant % 2}.png"] = png(
                tile(10 * number + variant)
            )
    hidden = tile(0)
    hidden[:16, :, :3] = 99
    files["dngn/altars/zz_same_but_for_hidden_colour.png"] = png(hidden)
    files["item/potion/in_two_classes.png"] = files["effect/in_two_classes.png"] = png(tile(1001))
    files["mon/small.png"] = png(tile(1002, side=16))
    files["UNUSED/monsters/old.png"] = png(tile(1003))
    files["LICENSE.txt"] = b"CC0"
    return files


def pack(path, files, top="tiles-a6ea16"):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            place = name if name.startswith("releases") else f"{SOURCE_RELEASE}{name}"
            member = tarfile.TarInfo(f"{top}/{place}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """The archive of `release`, expected and offered at the address that is downloaded from."""
    files = release()
    kinds = Counter(kind for kind in PLACES.values() for _ in range(6))
    lines = []
    for number, kind in enumerate(PLACES.values()):
        for variant in range(6):
            pixels = tile(10 * number + variant)
            pixels[:16] = 0
            lines.append(f"{kind} {hashlib.sha256(pixels.tobytes()).hexdigest()}")
    monkeypatch.setattr(dungeon_tiles, "CLASS_COUNTS", kinds)
    monkeypatch.setattr(
        dungeon_tiles, "TILES_DIGEST", hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
    )
    other = {"releases/Ancient/dngn/wall/old.png": png(tile(1004))}
    path = pack(tmp_path / "tiles.tar.gz", {**other, **files})
    monkeypatch.setattr(dungeon_tiles, "SOURCE_URL", path.as_uri())
    return path


def load(tmp_path, path="", **options):
    return dataset.load_split_arrays(
        "dungeon_tiles", root=tmp_path / "data", path=str(path), **SHAPE, **{**COMMON, **options}
    )


def unpacked(folder):
    """The same tiles as class folders."""
    for name, data in release().items():
        place, _, file = name.rpartition("/")
        if place in PLACES and file.startswith("thing"):
            (folder / PLACES[place]).mkdir(parents=True, exist_ok=True)
            (folder / PLACES[place] / f"{place.replace('/', '-')}-{file}").write_bytes(data)
    return folder


def test_counts_are_those_of_the_readme():
    assert sum(CLASS_COUNTS.values()) == 3906
    assert (CLASS_COUNTS["wall"], CLASS_COUNTS["water"], CLASS_COUNTS["undead"]) == (423, 81, 147)
    assert DungeonTiles.fixed == tuple(sorted(CLASS_COUNTS))
    assert set(CLASS_FOLDERS.values()) == set(CLASS_COUNTS)


class TestArchive:
    def test_download(self, tmp_path, archive):
        data = load(tmp_path)
        found = {
            name: image
            for part in data.splits.values()
            for name, image in zip(part.ids, part.images, strict=True)
        }
        assert len(found) == 6 * len(PLACES)
        assert "wall/dngn-wall-lab-thinga_0.png" in found
        expected = tile(2 * 10)  # the third place, its first variant
        expected[:16] = (1, 2, 3, 0)
        assert np.array_equal(found["wall/dngn-wall-lab-thinga_0.png"], expected)
        labels = {
            name.split("/")[0]: data.classes[label]
            for p in data.splits.values()
            for name, label in zip(p.ids, p.labels, strict=True)
        }
        assert labels == {kind: kind for kind in CLASS_COUNTS}

    def test_is_downloaded_once(self, tmp_path, archive):
        load(tmp_path)
        archive.unlink()
        load(tmp_path, split_seed=1)

    def test_a_file_may_be_given(self, tmp_path, archive, monkeypatch):
        monkeypatch.setattr(dungeon_tiles, "SOURCE_URL", "file:///nowhere")
        assert sum(len(part.ids) for part in load(tmp_path, archive).splits.values()) == 6 * len(
            PLACES
        )

    def test_gives_what_the_folder_gives(self, tmp_path, archive):
        ours, theirs = load(tmp_path), load(tmp_path, unpacked(tmp_path / "in"))
        for split in ours.splits:
            assert ours.splits[split].ids == theirs.splits[split].ids
            assert np.array_equal(ours.splits[split].images, theirs.splits[split].images)

    def test_no_network(self, tmp_path, monkeypatch):
        monkeypatch.setattr(dungeon_tiles, "SOURCE_URL", (tmp_path / "none.tar.gz").as_uri())
        with pytest.raises(UserError, match=r"cannot download .*--config.data.path=DIR") as caught:
            load(tmp_path)
        assert "\n" not in str(caught.value)
        assert not list((tmp_path / "data" / "downloads").iterdir())

    @pytest.mark.parametrize("change", ["one more", "one less", "other pixels", "other class"])
    def test_other_tiles_are_refused(self, tmp_path, archive, change):
        files = release()
        match change:
            case "one more":
                files["mon/new.png"] = png(tile(2000))
            case "one less":
                del files["dngn/water/thinga_0.png"]
            case "other pixels":
                files["dngn/water/thinga_0.png"] = png(tile(2000))
            case "other class":
                files["mon/thinga_0.png"] = files.pop("dngn/water/thinga_0.png")
                files["dngn/water/thinga_0.png"] = files.pop("mon/unique/thinga_0.png")
        pack(archive, files)
        with pytest.raises(UserError, match=r"holds other tiles than those of .* Remove it"):
            load(tmp_path)

    def test_cut_short(self, tmp_path, archive):
        archive.write_bytes(archive.read_bytes()[:-20000])
        with pytest.raises(UserError, match="cannot be read whole"):
            load(tmp_path)

    def test_no_archive(self, tmp_path):
        (tmp_path / "notes.txt").write_text("no archive")
        with pytest.raises(UserError, match="cannot be read whole"):
            load(tmp_path, tmp_path / "notes.txt")
        with pytest.raises(UserError, match="no such folder or archive"):
            load(tmp_path, tmp_path / "none")


class TestFolder:
    def test_variants_are_never_split_up(self, tmp_path):
        data = load(tmp_path, unpacked(tmp_path / "in"))
        stems = [{name[: -len("_0.png")] for name in part.ids} for part in data.splits.values()]
        assert sum(map(len, stems)) == 3 * len(PLACES)
        assert sum(len(part.ids) for part in data.splits.values()) == 6 * len(PLACES)
        assert all(set(part.labels.tolist()) == set(range(15)) for part in data.splits.values())

    @pytest.mark.parametrize(
        ("name", "stem"),
        [
            ("wall/dngn-wall-crystal_wall07.png", "dngn-wall-crystal_wall"),
            ("floor/dngn-floor-cobble_blood12.png", "dngn-floor-cobble_blood"),
            ("effect/effect-cloud_3a.png", "effect-cloud"),
            ("hand/player-hand1-axe.png", "player-hand1-axe"),
            ("icon/misc-numbers-7.png", "misc-numbers"),
        ],
    )
    def test_stem(self, tmp_path, name, stem):
        made = DungeonTiles(root=tmp_path / "data", path=str(tmp_path / "in"), **COMMON)
        assert made.group(name) == stem

    def test_wrong_size(self, tmp_path):
        folder = unpacked(tmp_path / "in")
        Image.new("RGBA", (16, 16)).save(folder / "wall" / "small.png")
        with pytest.raises(UserError, match=r"wall/small.png: has 16x16 pixels, not 32x32"):
            load(tmp_path, folder)
