"""The audit of a data set for readers: a section of every report, and a page of its own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gv_jax.data.audit import (
    TINY_PIXELS,
    Audit,
    DuplicateGroup,
    audit_dataset,
    audit_to_json,
)
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.evaluation.splits import SPLIT_TITLES
from gv_jax.reporting.figures.common import draw_class_balance
from gv_jax.reporting.figures.duplicate_groups import GetImage, draw_duplicate_groups
from gv_jax.reporting.figures.report_figure import ReportFigure
from gv_jax.reporting.page import (
    Block,
    Cell,
    Details,
    Grid,
    MetricCard,
    Page,
    Section,
    Table,
    Text,
    to_html,
)
from gv_jax.training.run_dir import write_json, write_text
from gv_jax.wording import count_noun

MAX_TABLE_ROWS = 12  # rows of the tables of sizes and modes
DUPLICATES_TEXT = (
    "Exact duplicates are equal in every pixel. Near-duplicates are resized, recompressed or "
    "hardly changed, like the next frame of a scene; images of up to 64 pixels also if they are "
    "mirrored, shifted by up to 2 pixels or on another background. The same drawing in another "
    "color is not a duplicate."
)
DUPLICATES_CAPTION = (
    "The first groups of duplicates, two images of each: leaks first, then label conflicts."
)
GROUP_SECTIONS = {  # file -> title, caption, which groups
    "leaks": (
        "Leaks between splits",
        "Two images of each group, one in train and one in another split. A network that memorizes "
        "the first one classifies the second one correctly.",
        lambda group: group.leaking,
    ),
    "conflicts": (
        "Label conflicts",
        "Two images of each group. At least one label is wrong, or the classes overlap.",
        lambda group: group.conflicting,
    ),
    "duplicates": (
        "Other duplicates",
        "Two images of each group, largest groups first. They are in one split, or in several "
        "without train, and count more than once.",
        lambda group: not group.leaking and not group.conflicting,
    ),
}


def write_audit_page(builder: ImageBuilder, folder: Path) -> str:
    """Audits a prepared data set and writes audit.html, audit.json and figures/.

    Args:
        builder: The data set.
        folder: Folder of the files; created if missing.

    Returns:
        The verdict in a few sentences.
    """
    audit = audit_dataset(builder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "audit.json", audit_to_json(audit))
    html = to_html(make_audit_page(audit, builder.load_image, folder / "figures"))
    # Names of files need not be valid UTF-8.
    write_text(folder / "audit.html", html.encode("utf-8", "replace").decode())
    return audit_verdict(audit, dropped=False)


def audit_run(builder: ImageBuilder, folder: Path, dropped: bool) -> tuple[Section, dict[str, int]]:
    """The audit of the data of a run: the section of its report, and counts for results.json.

    Args:
        builder: The prepared data set.
        folder: Folder of the figure; created if missing.
        dropped: Whether training images that leak were left out of training.
    """
    audit = audit_dataset(builder)
    counts = {**audit.summary, "dropped": len(audit.leaked) if dropped else 0}
    return audit_section(audit, builder.load_image, folder, dropped), counts


def audit_section(audit: Audit, get_image: GetImage, folder: Path, dropped: bool) -> Section:
    """The section of the report of a run, with the first groups of duplicates.

    Args:
        audit: The audit of its data set.
        get_image: Returns the image of a split at an index.
        folder: Folder of the figure; created if missing.
        dropped: Whether training images that leak were left out of training.
    """
    tables = Grid([leak_table(audit), problem_table(audit)])
    blocks: list[Block] = [Text(audit_verdict(audit, dropped)), Text(DUPLICATES_TEXT), tables]
    if audit.groups:
        file = folder / "duplicates.png"
        figure = draw_duplicate_groups(
            audit.groups, get_image, file, "Duplicates", DUPLICATES_CAPTION
        )
        blocks.append(Grid([figure]))
    return Section("Data audit", blocks)


def make_audit_page(audit: Audit, get_image: GetImage, folder: Path) -> Page:
    """The content of audit.html.

    Args:
        audit: The audit of a data set.
        get_image: Returns the image of a split at an index.
        folder: Folder of the figures; created if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    group_sections = []
    for name, (title, caption, belongs) in GROUP_SECTIONS.items():
        groups = [group for group in audit.groups if belongs(group)]
        if groups:
            file = folder / f"{name}.png"
            figure = draw_duplicate_groups(groups, get_image, file, "First groups", caption)
            blocks = [Text(describe_groups(groups)), Grid([figure]), list_groups(groups)]
            group_sections.append(Section(title, blocks))
    counts = {split: np.array(list(classes.values())) for split, classes in audit.balance.items()}
    classes = list(next(iter(audit.balance.values())))
    tables: list[ReportFigure | Table] = [problem_table(audit)]
    if audit.leaks:
        tables.insert(0, leak_table(audit))
    findings: list[Block] = [Text(DUPLICATES_TEXT), Grid(tables), *list_unusual_images(audit)]
    balance = draw_class_balance(folder, counts, classes, multi_label=False)
    sizes = Grid([counts_table("Size", audit.sizes), counts_table("Mode", audit.modes)])
    facts = [f"{split}: {count_noun(count, 'image')}" for split, count in audit.counts.items()]
    return Page(
        eyebrow="Data audit · gv_jax",
        title=audit.name,
        summary=audit_verdict(audit, dropped=False),
        facts=[*([audit.folder] if audit.folder else []), *facts],
        cards=audit_cards(audit),
        sections=[
            Section("Findings", findings),
            *group_sections,
            Section("Classes", [Grid([balance])]),
            Section("Sizes and modes", [sizes]),
        ],
    )


def audit_verdict(audit: Audit, dropped: bool) -> str:
    """What the audit means for the results, in two or three sentences.

    Args:
        audit: The audit of a data set.
        dropped: Whether training images that leak were left out of training.
    """
    if not audit.leaks:
        total = sum(audit.counts.values())
        duplicates = len({file for group in audit.groups for file in group.files})
        verb = "has" if duplicates == 1 else "have"
        text = (
            f"{duplicates:,} of {count_noun(total, 'image')} {verb} a duplicate. There is no "
            "validation or test split, so nothing can leak."
        )
    else:
        parts = []
        for split, leaks in audit.leaks.items():
            total = leaks["exact"] + leaks["near"]
            noun = f"{SPLIT_TITLES[split].lower()} image"
            parts.append(f"{total:,} of {count_noun(audit.counts[split], noun)}")
        verb = "has" if len(parts) == 1 and parts[0].startswith("1 of") else "have"
        text = f"{' and '.join(parts)} {verb} an exact or near duplicate in the training split."
    concerned = count_noun(len(audit.leaked), "training image") + " concerned"
    if dropped:
        text += f" Left out of training: {concerned}."
    elif audit.leaked:
        text += (
            " This makes the results optimistic; --config.data.drop_leaks=True leaves out of "
            f"training: {concerned}."
        )
    if audit.conflicts:
        text += f" Groups of duplicates with different labels: {len(audit.conflicts):,}."
    if audit.skipped:
        text += f" {count_noun(len(audit.skipped), 'image')} left out before, see below."
    return text


def audit_cards(audit: Audit) -> list[MetricCard]:
    """The number of leaks per split, of label conflicts, and of duplicates."""
    cards = []
    for split, leaks in audit.leaks.items():
        total, count = sum(leaks.values()), audit.counts[split]
        note = f"of {count:,} images: {leaks['exact']:,} exact, {leaks['near']:,} near"
        cards.append(MetricCard(f"Duplicates in train, {split}", f"{total:,}", note, total / count))
    conflicting = {file for group in audit.conflicts for file in group.files}
    note = f"groups of duplicates, {count_noun(len(conflicting), 'image')}"
    cards.append(MetricCard("Label conflicts", f"{len(audit.conflicts):,}", note))
    duplicates = {file for group in audit.groups for file in group.files}
    fraction = len(duplicates) / sum(audit.counts.values())
    note = f"in {count_noun(len(audit.groups), 'group')}"
    cards.append(MetricCard("Images with a duplicate", f"{len(duplicates):,}", note, fraction))
    return cards


def leak_table(audit: Audit) -> Table:
    """The number of images of each split with a duplicate in train."""
    rows = []
    for split, leaks in audit.leaks.items():
        counts = (audit.counts[split], *leaks.values())
        rows.append([Cell(split), *(Cell(f"{count:,}", numeric=True) for count in counts)])
    header = ("Split", "Images", "Exact duplicate in train", "Near-duplicate in train")
    return Table(header, rows, "Leaks between splits.")


def problem_table(audit: Audit) -> Table:
    """The number of duplicates, label conflicts, tiny and single-color images."""
    summary = audit.summary
    counts = {
        "Groups of exact duplicates": summary["exact_groups"],
        "Groups of near-duplicates": summary["near_groups"],
        "Groups with different labels": summary["label_conflicts"],
        f"Images with a side below {TINY_PIXELS} pixels": summary["tiny"],
        "Images of a single color": summary["constant"],
    }
    rows = [[Cell(name), Cell(f"{count:,}", numeric=True)] for name, count in counts.items()]
    return Table(("Problem", "Count"), rows, "All splits together.")


def list_unusual_images(audit: Audit) -> list[Block]:
    """The ids of tiny images and of images of a single color, and what was left out before."""
    lists = {
        f"Images with a side below {TINY_PIXELS} pixels": audit.tiny,
        "Images of a single color": audit.constant,
        "Left out before": audit.skipped,
    }
    return [
        Details(f"{title} ({len(files):,})", "\n".join(files))
        for title, files in lists.items()
        if files
    ]


def counts_table(name: str, counts: dict[str, int]) -> Table:
    """The most frequent values of a property, and the number of images with other values."""
    rows = list(counts.items())
    if len(rows) > MAX_TABLE_ROWS:
        others = rows[MAX_TABLE_ROWS - 1 :]
        total_of_others = sum(count for _, count in others)
        rows = [*rows[: MAX_TABLE_ROWS - 1], (f"{len(others):,} others", total_of_others)]
    total = max(sum(counts.values()), 1)
    cells = [
        [
            Cell(value),
            Cell(f"{count:,}", numeric=True),
            Cell(f"{100 * count / total:.1f} %", numeric=True, fraction=count / total),
        ]
        for value, count in rows
    ]
    return Table((name, "Images", "Fraction"), cells)


def describe_groups(groups: Sequence[DuplicateGroup]) -> str:
    """The number of groups of each kind, and of their images."""
    files = {file for group in groups for file in group.files}
    exact = sum(group.kind == "exact" for group in groups)
    near = len(groups) - exact
    return f"Groups: {len(groups):,} ({exact:,} exact, {near:,} near). Images: {len(files):,}."


def list_groups(groups: Sequence[DuplicateGroup]) -> Details:
    """The ids, splits and labels of the images of every group."""
    lines = []
    for group in groups:
        lines.append(f"{group.kind}, {count_noun(len(group.files), 'image')}")
        members = zip(group.files, group.splits, group.labels, strict=True)
        lines += [f"    {split:5} {label}  {file}" for file, split, label in members]
        lines += [f"        {second} from {first}: {how}" for first, second, how in group.relations]
    return Details(f"All groups ({len(groups):,})", "\n".join(lines))
