"""`gv-jax audit`: page and JSON; mistakes are one line and status 2."""

import json
import re

import pytest

from tests.data.duplicates.scenes import draw_scene, write_leaking_splits

QUICKSTART = "--config=configs/quickstart.py"


def test_audit_writes_a_page_and_json(command, tmp_path):
    images, out = write_leaking_splits(tmp_path / "my <images>"), tmp_path / "out"
    root = f"--config.data.root={tmp_path / 'data'}"
    done = command("audit", f"--config=configs/folder.py:{images}", root, f"--output={out}")
    assert (done.status, done.err) == (0, "")
    for words in ("1 of 17 validation images", "1 of 17 test images", str(out / "audit.html")):
        assert words in done.out
    audit = json.loads((out / "audit.json").read_text())
    assert {"kind", "files", "splits", "labels"} <= set(audit["groups"][0])
    assert {(group["kind"], *group["files"]) for group in audit["groups"]} == {
        ("near", "train/a b/0 ü.png", "test/a b/leak & copy.png"),
        ("exact", "train/火/1 ü.png", "valid/a b/conflict.png"),
    }
    assert audit["leaks"] == {"valid": {"exact": 1, "near": 0}, "test": {"exact": 0, "near": 1}}
    assert audit["summary"]["label_conflicts"] == 1
    assert audit["balance"]["train"] == {"a b": 8, "火": 8}
    page = (out / "audit.html").read_text()
    assert "leak &amp; copy.png" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert all("data:" in source for source in re.findall(r'src="(.{5})', page))


def test_a_folder_needs_no_config_and_no_split(command, tmp_path):
    """One image per class is too few for any split."""
    for number, name in enumerate(("cat", "dog", "owl")):
        (tmp_path / "in" / name).mkdir(parents=True)
        draw_scene(number).save(tmp_path / "in" / name / "a.png")
    draw_scene(0).resize((64, 48)).save(tmp_path / "in" / "dog" / "copy.png")
    out, root = tmp_path / "out", f"--config.data.root={tmp_path / 'data'}"
    done = command("audit", str(tmp_path / "in"), f"--output={out}", root)
    assert (done.status, done.err) == (0, "")
    audit = json.loads((out / "audit.json").read_text())
    assert audit["folder"] == str(tmp_path / "in")
    assert audit["summary"]["label_conflicts"] == 1
    [group] = audit["groups"]
    [[first, second, relation]] = group["relations"]
    assert (first, second) == ("cat/a.png", "dog/copy.png")
    assert relation.startswith("scaled x0.5")
    assert str(tmp_path / "in") in (out / "audit.html").read_text()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["--config"]),
        (["DIR", QUICKSTART, "--output=OUT"], ["--config"]),
        (["--config=configs/folder.py:/nowhere", "--output=OUT"], ["/nowhere"]),
        ([QUICKSTART], ["--output"]),
        ([QUICKSTART, "--outptu=OUT"], ["'outptu'", "'output'"]),
        ([QUICKSTART, "--config.data.nam=x", "--output=OUT"], ["'nam'", "'name'"]),
        ([QUICKSTART, "--workdir=x"], ["'workdir'"]),
    ],
)
def test_mistakes_are_one_line(command, words, names, tmp_path):
    done = command("audit", *(word.replace("OUT", str(tmp_path / "out")) for word in words))
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert all(name in done.err for name in names)
    assert not (tmp_path / "out").exists()


def test_the_output_is_not_written_among_the_images(command, tmp_path):
    images = write_leaking_splits(tmp_path / "images")
    root = f"--config.data.root={tmp_path / 'data'}"
    output = images / "audits" / "mine"
    done = command("audit", f"--config=configs/folder.py:{images}", root, f"--output={output}")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert f"({output})" in done.err
    assert "--output=DIR" in done.err
    assert not output.parent.exists()


def test_files_that_are_not_read_are_counted_on_the_screen(command, tmp_path):
    images = write_leaking_splits(tmp_path / "images")
    (images / "train" / "notes.txt").write_text("x")
    root, output = f"--config.data.root={tmp_path / 'data'}", f"--output={tmp_path / 'out'}"
    done = command("audit", f"--config=configs/folder.py:{images}", root, output)
    assert done.status == 0
    assert done.err.count("\n") == 1
    assert f"{images}: " in done.err
    assert "1 .txt" in done.err
