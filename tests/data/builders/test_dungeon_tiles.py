import hashlib
import io
import tarfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from gv_jax.data.builders import dungeon_tiles
from gv_jax.data.builders.dungeon_tiles import (
    CLASS_COUNTS,
    CLASS_FOLDERS,
    SOURCE_RELEASE,
    DungeonTiles,
)
from gv_jax.errors import UserError

COMMON = {"skip_broken": False, "valid_fraction": 0.2, "test_fraction": 0.2, "split_seed": 0}
# Folder -> class as documented for the data set, deep enough to test that the deepest rule decides.
FOLDERS = {
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


def make_tile(seed, side=32):
    """A random tile with hidden colors in its transparent upper half."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 4)).astype(np.uint8)
    pixels[: side // 2, :, 3] = 0
    pixels[side // 2 :, :, 3] = 255
    return pixels


def encode_png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def make_release():
    """Name -> content of a small release: three tiles in two variants per folder, and others."""
    files = {}
    for index, folder in enumerate(FOLDERS):
        for variant in range(6):
            name = f"{folder}/thing{'abc'[variant // 2]}_{variant % 2}.png"
            files[name] = encode_png(make_tile(10 * index + variant))
    hidden = make_tile(0)
    hidden[:16, :, :3] = 99
    files["dngn/altars/zz_equal_but_for_hidden_colors.png"] = encode_png(hidden)
    files["item/potion/in_two_classes.png"] = encode_png(make_tile(1001))
    files["effect/in_two_classes.png"] = encode_png(make_tile(1001))
    files["mon/small.png"] = encode_png(make_tile(1002, side=16))
    files["UNUSED/monsters/old.png"] = encode_png(make_tile(1003))
    files["LICENSE.txt"] = b"CC0"
    return files


def write_archive(path, files, top="tiles-a6ea16"):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            full_name = name if name.startswith("releases") else f"{SOURCE_RELEASE}{name}"
            member = tarfile.TarInfo(f"{top}/{full_name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """The archive of `make_release`, expected and served at SOURCE_URL."""
    lines = []
    for index, name in enumerate(FOLDERS.values()):
        for variant in range(6):
            pixels = make_tile(10 * index + variant)
            pixels[:16] = 0
            lines.append(f"{name} {hashlib.sha256(pixels.tobytes()).hexdigest()}")
    digest = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
    counts = Counter(name for name in FOLDERS.values() for _ in range(6))
    monkeypatch.setattr(dungeon_tiles, "CLASS_COUNTS", counts)
    monkeypatch.setattr(dungeon_tiles, "TILES_DIGEST", digest)
    other = {"releases/Ancient/dngn/wall/old.png": encode_png(make_tile(1004))}
    path = write_archive(tmp_path / "tiles.tar.gz", {**other, **make_release()})
    monkeypatch.setattr(dungeon_tiles, "SOURCE_URL", path.as_uri())
    return path


def make_builder(tmp_path, path="", **options):
    return DungeonTiles(root=tmp_path / "data", path=str(path), **{**COMMON, **options})


def pixel_values(example):
    return np.asarray(
        example.image if isinstance(example.image, Image.Image) else Image.open(example.image)
    )


def write_class_folders(folder):
    """The tiles of the release as class folders."""
    for name, data in make_release().items():
        source, _, file = name.rpartition("/")
        if source in FOLDERS and file.startswith("thing"):
            (folder / FOLDERS[source]).mkdir(parents=True, exist_ok=True)
            target = folder / FOLDERS[source] / f"{source.replace('/', '-')}-{file}"
            target.write_bytes(data)
    return folder


def test_class_counts():
    assert sum(CLASS_COUNTS.values()) == 3906
    assert (CLASS_COUNTS["wall"], CLASS_COUNTS["water"], CLASS_COUNTS["undead"]) == (423, 81, 147)
    assert DungeonTiles.fixed_classes == tuple(sorted(CLASS_COUNTS))
    assert set(CLASS_FOLDERS.values()) == set(CLASS_COUNTS)


class TestArchive:
    def test_download(self, tmp_path, archive):
        builder = make_builder(tmp_path)
        examples = [example for part in builder.generate().values() for example in part]
        images = {example.id: pixel_values(example) for example in examples}
        assert len(images) == len(examples) == 6 * len(FOLDERS)
        expected = make_tile(2 * 10)  # the third folder, its first variant
        assert np.array_equal(images["wall/dngn-wall-lab-thinga_0.png"], expected)
        for example in examples:
            assert example.id.split("/")[0] == builder.classes[example.label]

    def test_is_downloaded_once(self, tmp_path, archive):
        make_builder(tmp_path).generate()
        archive.unlink()
        make_builder(tmp_path, split_seed=1).generate()

    def test_a_given_file(self, tmp_path, archive, monkeypatch):
        monkeypatch.setattr(dungeon_tiles, "SOURCE_URL", "file:///nowhere")
        splits = make_builder(tmp_path, archive).generate()
        assert sum(map(len, splits.values())) == 6 * len(FOLDERS)

    def test_equals_the_class_folders(self, tmp_path, archive):
        from_archive = make_builder(tmp_path).generate()
        from_folder = make_builder(tmp_path, write_class_folders(tmp_path / "in")).generate()
        assert list(from_archive) == list(from_folder)
        for split, examples in from_archive.items():
            for example, other in zip(examples, from_folder[split], strict=True):
                assert (example.id, example.label) == (other.id, other.label)
                assert np.array_equal(pixel_values(example), pixel_values(other))

    def test_no_network(self, tmp_path, monkeypatch):
        url = (tmp_path / "none.tar.gz").as_uri()
        monkeypatch.setattr(dungeon_tiles, "SOURCE_URL", url)
        with pytest.raises(UserError, match=rf"{url} .*config\.data\.path=DIR") as caught:
            make_builder(tmp_path).generate()
        assert "\n" not in str(caught.value)
        assert not list((tmp_path / "data" / "downloads").iterdir())

    @pytest.mark.parametrize("change", ["one more", "one less", "other pixels", "other class"])
    def test_other_tiles_are_refused(self, tmp_path, archive, change):
        files = make_release()
        match change:
            case "one more":
                files["mon/new.png"] = encode_png(make_tile(2000))
            case "one less":
                del files["dngn/water/thinga_0.png"]
            case "other pixels":
                files["dngn/water/thinga_0.png"] = encode_png(make_tile(2000))
            case "other class":
                files["mon/thinga_0.png"] = files.pop("dngn/water/thinga_0.png")
                files["dngn/water/thinga_0.png"] = files.pop("mon/unique/thinga_0.png")
        write_archive(archive, files)
        with pytest.raises(UserError, match=rf"crawl-tiles-.*{archive.as_uri()}"):
            make_builder(tmp_path).generate()

    def test_truncated(self, tmp_path, archive):
        archive.write_bytes(archive.read_bytes()[:-20000])
        with pytest.raises(UserError, match=r"crawl-tiles-.*: "):
            make_builder(tmp_path).generate()

    def test_no_archive(self, tmp_path):
        (tmp_path / "notes.txt").write_text("no archive")
        with pytest.raises(UserError, match=r"notes\.txt: "):
            make_builder(tmp_path, tmp_path / "notes.txt").generate()
        with pytest.raises(UserError, match=f"config.data.path={tmp_path / 'none'}"):
            make_builder(tmp_path, tmp_path / "none").generate()


class TestFolder:
    def test_variants_are_in_one_split(self, tmp_path):
        splits = make_builder(tmp_path, write_class_folders(tmp_path / "in")).generate()
        stems = [{example.id[: -len("_0.png")] for example in part} for part in splits.values()]
        assert sum(map(len, stems)) == 3 * len(FOLDERS)
        assert sum(map(len, splits.values())) == 6 * len(FOLDERS)
        for part in splits.values():
            assert {example.label for example in part} == set(range(15))

    @pytest.mark.parametrize(
        ("image_id", "group"),
        [
            ("wall/dngn-wall-crystal_wall07.png", "dngn-wall-crystal_wall"),
            ("floor/dngn-floor-cobble_blood12.png", "dngn-floor-cobble_blood"),
            ("effect/effect-cloud_3a.png", "effect-cloud"),
            ("hand/player-hand1-axe.png", "player-hand1-axe"),
            ("icon/misc-numbers-7.png", "misc-numbers"),
        ],
    )
    def test_group_of(self, tmp_path, image_id, group):
        assert make_builder(tmp_path, tmp_path / "in").group_of(image_id) == group

    def test_a_tile_of_another_size(self, tmp_path):
        folder = write_class_folders(tmp_path / "in")
        Image.new("RGBA", (16, 16)).save(folder / "wall" / "small.png")
        with pytest.raises(UserError, match=r"wall/small\.png: .*16x16"):
            make_builder(tmp_path, folder).generate()
