"""The report of made-up runs: everything is in it, nothing breaks it, and it needs nothing from outside."""

import base64
import html
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from gv_jax.data.dataset import Dataset, Split
from gv_jax.evaluation.classification import evaluate_classification
from gv_jax.reporting import report
from gv_jax.reporting.formatting import format_duration, format_value, heading

NASTY = (
    '<script>alert("x")</script>',
    'it\'s & "quoted"',
    "火の鳥 | `code` *star*",
    "$math$ [link](x)",
)
CONFIG = {
    "config": {"seed": 3, "model": {"name": "sequential"}, "data": {"path": "/a<b>/c d"}},
    "command": ["python", "-m", "gv_jax.main", "--config.data.path=/a<b>/c d"],
    "seed": 3,
    "versions": {"python": "3.11.4", "jax": "0.10.2", "gv_jax": ""},
    "git_commit": "0123456789abcdef",
    "device": "1 x cpu (cpu)",
}


def run_of(classes, folder, skipped=(), remarks=()):
    """The folder of a finished classification."""
    draws = np.random.default_rng(0)
    splits, logits = {}, {}
    for name, count in (("train", 1200), ("valid", 90), ("test", 90)):
        labels = draws.integers(0, len(classes), count).astype(np.int32)
        images = draws.integers(0, 256, (count, 6, 6, 4), dtype=np.uint8)
        splits[name] = Split(images, labels, [f"{name}{number}" for number in range(count)])
        logits[name] = (
            draws.normal(0, 1, (count, len(classes))) + 2 * np.eye(len(classes))[labels]
        ).astype(np.float32)
    groups = dict(zip(classes, ["one", "<two>"] * len(classes), strict=False))
    assessment = evaluate_classification(
        logits, Dataset("tiles", tuple(classes), groups, splits, tuple(skipped))
    )
    results = {
        "task": "classification",
        "dataset": "tiles",
        "model": "sequential",
        "parameters": {"total": 118351, "trainable": 118000},
        **assessment.results,
        "training": {"best_step": 20, "last_step": 30},
        "timing": {"train_s": 183.4, "images_per_second": 3121.7, "peak_memory_mb": 1423.2},
        "seed": 3,
    }
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    rows = [
        {
            "step": 10 * epoch,
            "epoch": epoch,
            "split": name,
            "loss": 1 / epoch,
            "accuracy": 0.5,
            "learning_rate": 1e-3,
        }
        for epoch in (1, 2, 3)
        for name in ("train", "valid")
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    base = {"seed": 0, "model": {"name": "baseline"}, "data": {"path": "/a<b>/c d"}}
    report.write_report(folder, assessment.draw(folder / "figures"), skipped, base, remarks)
    return results


class Reader(HTMLParser):
    """Tags, what they load, and the text between them; fails where tags don't match."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.loads, self.text, self._open = [], [], [], []
        self.feed(page)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [
            value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")
        ]
        if tag not in ("meta", "img", "wbr", "link"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    """A run with names that mean something in HTML, Markdown, and matplotlib: (folder, results, page, reader)."""
    folder = tmp_path_factory.mktemp("nasty")
    results = run_of(
        NASTY,
        folder,
        ['a/"b" <i>.png: broken', "\udcff.png: not UTF-8"],
        ["c.png: box <i> is not used"],
    )
    page = (folder / "report.html").read_text("utf-8")
    return folder, results, page, Reader(page)


def test_report_holds_the_numbers(nasty):
    _, results, _, reader = nasty
    text = "".join(reader.text)
    for split in ("train", "valid", "test"):
        for name in ("accuracy", "macro_f1", "balanced_accuracy", "weighted_precision"):
            assert f"{100 * results[split][name]:.1f}%" in text
        assert f"{results[split]['loss']:.3f}" in text
    assert f"floor {100 * results['baseline']['test']['accuracy']:.1f}%, majority class" in text
    for row in results["per_class"]:
        assert f"{100 * row['f1']:.1f}%" in text
    for part in (
        "118,351 parameters, 118,000 of them trained",
        "1,200 train",
        "3 min 03 s",
        "3,122",
        "1,423 MB",
    ):
        assert part in text
    for part in (
        "0.10.2",
        "0123456789ab",
        "1 x cpu (cpu)",
        "'--config.data.path=/a<b>/c d'",
        results["summary"],
    ):
        assert part in text


def test_report_tells_what_differs_from_the_defaults(nasty):
    page = nasty[2].replace("<wbr>", "")
    assert re.search(
        r"model\.name</th><td>&quot;baseline&quot;</td><td>&quot;sequential&quot;", page
    )
    assert "data.path</th>" not in page
    assert "data.path = &quot;/a&lt;b&gt;/c d&quot;" in page


def test_report_is_self_contained(nasty):
    _, _, page, reader = nasty
    assert all(load.startswith(("data:image/", "#")) for load in reader.loads)
    assert not {"script", "link", "iframe", "object", "form"} & set(reader.tags)
    assert "http:" not in page
    assert "https:" not in page
    assert not re.search(r"@import|url\(", page)
    pictures = [load for load in reader.loads if load.startswith("data:")]
    assert len(pictures) == 3 + 9  # curves; matrices, reliability, galleries, balance
    for picture in pictures:
        with Image.open(io.BytesIO(base64.b64decode(picture.split(",")[1]))) as image:
            image.verify()


def test_names_are_escaped(nasty):
    _, _, page, reader = nasty
    text = "".join(reader.text)
    assert "<script" not in page
    for name in NASTY:
        assert name in text
        assert html.escape(name) in page
    assert 'a/"b" <i>.png: broken' in text
    assert "2 files were left out" in text
    assert "Remarks on pictures that were used (1)" in text
    assert "c.png: box <i> is not used" in text


def test_markdown_links_its_figures_and_escapes(nasty):
    folder = nasty[0]
    text = (folder / "report.md").read_text("utf-8")
    links = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert len(links) == 12
    assert all((folder / link).is_file() for link in links)
    assert r"火の鳥 \| \`code\` \*star\*" in text
    assert "<script" not in text.replace(r"\<script", "")
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    assert {"|".join(part for part in row.split(r"\|")).count("|") for row in tables} <= set(
        range(3, 10)
    )


@pytest.mark.parametrize("count", [2, 15, 40])
def test_report_stays_small(count, tmp_path):
    run_of([f"class_{number}" for number in range(count)], tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 3e6


def test_a_task_of_another_kind_needs_nothing_here(tmp_path):
    results = {
        "task": "colorization",
        "dataset": "clips",
        "model": "alpha",
        "baseline": {"name": "grey", "valid": {"mse": 0.0123, "psnr": 19.1}},
        "train": {"mse": 0.004, "psnr": 24.0},
        "valid": {"mse": 0.0045678, "psnr": 23.4567},
        "worst_clips": [{"clip": "intro <1>", "mse": 0.02}],
    }
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "config.json").write_text(json.dumps({"config": {}}))
    report.write_report(tmp_path, [])
    page = (tmp_path / "report.html").read_text("utf-8")
    text = "".join(Reader(page).text)
    for part in (
        "alpha on clips",
        "PSNR",
        "23.46 dB",
        "19.10 dB",
        "0.00457",
        "floor 0.0123, grey",
        "intro <1>",
    ):
        assert part in text
    assert "Test" not in text
    assert (tmp_path / "report.md").exists()


def test_words():
    assert heading("macro_f1") == "Macro F1"
    assert heading("top5_accuracy") == "Top-5 accuracy"
    assert heading("train_s") == "Train"
    assert format_value("accuracy", 0.98765) == "98.8%"
    assert format_value("count", 12345) == "12,345"
    assert format_value("loss", 0.54321) == "0.543"
    assert format_value("mse", 0.00045678) == "0.000457"
    assert format_value("images_per_second", 3121.7) == "3,122"
    assert format_value("loss", None) == "\N{EN DASH}"
    assert [format_duration(seconds) for seconds in (0.42, 18.24, 59.96, 185.2, 7801)] == [
        "0.42 s", "18.2 s", "1 min 00 s", "3 min 05 s", "2 h 10 min",
    ]  # fmt: skip
