"""Reports of made-up runs: complete, robust to any name, self-contained."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from markupsafe import escape
from PIL import Image

from gv_jax.data.arrays import Dataset, Split
from gv_jax.evaluation.classification import evaluate_classification
from gv_jax.reporting import report
from gv_jax.reporting.figures.classification import draw_classification
from gv_jax.reporting.methods_table import methods_tables
from gv_jax.reporting.provenance import provenance_section

SPECIAL_NAMES = (
    '<script>alert("x")</script>',
    'it\'s & "quoted"',
    "火の鳥 | `code` *star*",
    "$math$ [link](x)",
)
METADATA = {
    "config": {"seed": 3, "model": {"name": "sequential"}, "data": {"path": "/a<b>/c d"}},
    "command": ["python", "-m", "gv_jax.main", "--config.data.path=/a<b>/c d"],
    "seed": 3,
    "versions": {"python": "3.11.4", "jax": "0.10.2", "gv_jax": ""},
    "git_commit": "0123456789abcdef",
    "device": "1 x cpu",
}
WEIGHTS = {
    "source": "hub:a/<b>",
    "license": "mit, cc-by-nc-4.0",
    "license_link": "LICENSE <c>.md",
}
DEFAULTS = {"seed": 0, "model": {"name": "baseline"}, "data": {"path": "/a<b>/c d"}}


def write_run(classes, folder, skipped=(), warnings=()) -> dict[str, Any]:
    """Writes the run directory and the report of a classification; returns its results."""
    rng = np.random.default_rng(0)
    splits, logits = {}, {}
    for name, count in (("train", 1200), ("valid", 90), ("test", 90)):
        labels = rng.integers(0, len(classes), count).astype(np.int32)
        images = rng.integers(0, 256, (count, 6, 6, 4), dtype=np.uint8)
        splits[name] = Split(images, labels, [f"{name}{index}" for index in range(count)])
        noise = rng.normal(0, 1, (count, len(classes)))
        logits[name] = (noise + 2 * np.eye(len(classes))[labels]).astype(np.float32)
    groups = dict(zip(classes, ["one", "<two>"] * len(classes), strict=False))
    dataset = Dataset("tiles", tuple(classes), groups, splits, tuple(skipped))
    evaluation = evaluate_classification(logits, dataset)
    results = {
        "task": "classification",
        "dataset": "tiles",
        "model": "sequential",
        "parameters": {"total": 118351, "trainable": 118000},
        **evaluation.results,
        "training": {"best_step": 20, "last_step": 30},
        "timing": {"train_s": 183.4, "images_per_second": 3121.7, "peak_memory_mb": 1423.2},
        "weights": WEIGHTS,
        "seed": 3,
    }
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "config.json").write_text(json.dumps(METADATA))
    metrics = {"loss": 0.25, "accuracy": 0.5, "learning_rate": 1e-3}
    rows = [
        {"step": 10 * epoch, "epoch": epoch, "split": name, **metrics}
        for epoch in (1, 2, 3)
        for name in ("train", "valid")
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    figures = draw_classification(evaluation, folder / "figures")
    report.write_report(folder, figures, skipped, DEFAULTS, warnings)
    return results


class PageParser(HTMLParser):
    """Collects tags, addresses and text; fails if tags do not match."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.addresses, self.texts, self._open = [], [], [], []
        self.feed(page)
        assert not self._open

    @property
    def text(self) -> str:
        return "".join(self.texts).replace("\N{NO-BREAK SPACE}", " ")

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        names = ("src", "href", "srcset", "data", "action")
        self.addresses += [value for name, value in attrs if name in names]
        if tag not in ("meta", "img", "wbr", "link"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


class Run(NamedTuple):
    folder: Path
    results: dict[str, Any]
    page: str
    parsed: PageParser


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """A run whose names have a meaning in HTML, Markdown and matplotlib."""
    folder = tmp_path_factory.mktemp("run")
    skipped = ['a/"b" <i>.png: broken', "\udcff.png: not UTF-8"]
    results = write_run(SPECIAL_NAMES, folder, skipped, ["c.png: box <i> is not used"])
    page = (folder / "report.html").read_text("utf-8")
    return Run(folder, results, page, PageParser(page))


def test_report_has_the_numbers(run):
    text, results = run.parsed.text, run.results
    for split in ("train", "valid", "test"):
        for name in ("accuracy", "macro_f1", "balanced_accuracy", "weighted_precision"):
            assert f"{100 * results[split][name]:.1f} %" in text
        assert f"{results[split]['loss']:.3f}" in text
    baseline = 100 * results["baseline"]["test"]["accuracy"]
    assert f"baseline {baseline:.1f} % (majority class)" in text
    for row in results["per_class"]:
        assert f"{100 * row['f1']:.1f} %" in text
    for part in ("118,351 parameters (118,000 trainable)", "1,200 train", "3 min 03 s"):
        assert part in text
    for part in ("3,122", "1,423 MB", "0.10.2", "0123456789ab", "1 x cpu"):
        assert part in text
    assert "'--config.data.path=/a<b>/c d'" in text
    assert results["summary"] in text


def test_reports_have_the_license_of_the_weights_and_its_restriction(run):
    assert "weights hub:a/<b>, license mit, cc-by-nc-4.0" in run.parsed.text
    for text in (run.parsed.text, (run.folder / "report.md").read_text("utf-8")):
        for part in ("Source", "License", "mit, cc-by-nc-4.0", "commercial use"):
            assert part in text
    assert "LICENSE <c>.md" in run.parsed.text


def test_report_has_the_differences_from_the_defaults(run):
    page = run.page.replace("<wbr>", "")
    quote = escape('"')
    cells = f"<td>{quote}baseline{quote}</td><td>{quote}sequential{quote}</td>"
    assert f"model.name</th>{cells}" in page
    assert "data.path</th>" not in page
    assert f"data.path = {quote}/a&lt;b&gt;/c d{quote}" in page


def test_report_has_the_sampling_of_the_last_evaluation():
    results = {"sampling": {"guidance": 1.5}, "tta": {"flip": True}}
    metadata = {"config": {"generation": {"guidance": 4.0, "layouts": 3}, "tta": {"flip": False}}}
    *_, details, _ = provenance_section(results, metadata, None).blocks
    assert details.text.splitlines() == [
        "generation.guidance = 1.5",
        "generation.layouts = 3",
        "tta.flip = true",
    ]


def test_report_is_self_contained(run):
    assert all(link.startswith(("data:image/", "#")) for link in run.parsed.addresses)
    assert not {"script", "link", "iframe", "object", "form"} & set(run.parsed.tags)
    assert not re.search(r"https?:|@import|url\(", run.page)
    images = [link for link in run.parsed.addresses if link.startswith("data:")]
    assert len(images) == 3 + 9  # curves; matrices, reliability, galleries, balance
    for link in images:
        with Image.open(io.BytesIO(base64.b64decode(link.split(",")[1]))) as image:
            image.verify()


def test_names_are_escaped(run):
    assert "<script" not in run.page
    for name in SPECIAL_NAMES:
        assert name in run.parsed.text
        assert str(escape(name)) in run.page
    for part in ('a/"b" <i>.png: broken', "Skipped files (2)", "c.png: box <i> is not used"):
        assert part in run.parsed.text


def test_markdown_links_figures_and_escapes_names(run):
    text = (run.folder / "report.md").read_text("utf-8")
    links = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert len(links) == 12
    assert all((run.folder / link).is_file() for link in links)
    assert r"火の鳥 \| \`code\` \*star\*" in text
    assert "<script" not in text.replace(r"\<script", "")
    rows = [line.replace(r"\|", "") for line in text.splitlines() if line.startswith("| ")]
    assert {row.count("|") for row in rows} <= set(range(3, 10))


@pytest.mark.parametrize("count", [2, 40])
def test_report_stays_small(count, tmp_path):
    write_run([f"class_{index}" for index in range(count)], tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 3e6


def test_report_knows_no_task(tmp_path):
    results = {
        "task": "colorization",
        "dataset": "clips",
        "model": "alpha",
        "baseline": {"name": "gray", "valid": {"mse": 0.0123, "psnr": 19.1}},
        "train": {"mse": 0.004, "psnr": 24.0},
        "valid": {"mse": 0.0045678, "psnr": 23.4567},
        "worst_clips": [{"clip": "intro <1>", "mse": 0.02}],
    }
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "config.json").write_text(json.dumps({"config": {}}))
    report.write_report(tmp_path, [])
    text = PageParser((tmp_path / "report.html").read_text("utf-8")).text
    for part in ("alpha on clips", "PSNR", "23.46 dB", "19.10 dB", "0.00457", "intro <1>"):
        assert part in text
    assert "baseline 0.0123 (gray)" in text
    assert "Test" not in text
    assert (tmp_path / "report.md").exists()


def test_methods_are_columns_and_whole_images_come_first():
    values = {"ciede2000": 1.25, "ssim": 0.5}
    baseline = {"ciede2000": 8.5, "ssim": 0.25}
    results = {
        "test": {"count": 30, "ciede2000": 0.75},
        "whole_images": {"of": "test", "of_count": 30, "count": 12, **values},
        "baseline": {"name": "gray lookup", "test": {"ciede2000": 7}, "whole_images": baseline},
        "baselines": [
            {"method": "network", **values, "flicker": 0.1},
            {"method": "gray lookup", **baseline, "flicker": 0.2},
            {"method": "original", "flicker": 0.375},
        ],
    }
    cards = report.metric_cards(results)
    assert [(card.title, card.value) for card in cards] == [
        ("CIEDE2000, whole test images", "1.250"),
        ("SSIM, whole test images", "0.500"),
    ]
    (table,) = methods_tables(results)
    assert list(table.header) == ["Metric", "Network", "Gray lookup"]
    cells = [[cell.text for cell in row] for row in table.rows]
    assert cells[0] == ["CIEDE2000", "1.250", "8.500"]
    assert cells[2][0] == "Flicker"
    for part in ("own size", "12 of 30", "originals: 0.375", "(gray lookup)"):
        assert part in table.caption
    assert "network input" in report.metrics_table(results).caption
