"""The audit of a data set for people: a section of every report, and a page of its own."""

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from gv_jax.data.audit import TINY_PIXELS, Audit, DuplicateGroup
from gv_jax.reporting.figures import charts
from gv_jax.reporting.figures.charts import INK, MUTED, ORANGE, RED, ReportFigure
from gv_jax.reporting.figures.fonts import replace_missing_glyphs
from gv_jax.reporting.figures.grids import CaptionLine, image_grid
from gv_jax.reporting.page import Block, Cell, Details, Grid, MetricCard, Page, Section, Table, Text

SHOWN_GROUPS = 8  # groups of a sheet
MAX_IMAGE_PX = 256  # pixels of a picture in a sheet
MAX_TABLE_ROWS = 12  # of the tables of sizes and modes
NEAR_TEXT = (
    "“The same”: every pixel is. “Nearly”: resized, compressed again, or so little changed that one has to "
    "search for it, as in the next frame of one scene; the same drawing in another colour is not."
)
GROUP_SECTIONS = {  # file: title, caption, which groups
    "leaks": (
        "In training and held out",
        "Two of each group, a training picture and one held out. A network that knows the first by heart is right "
        "about the second.",
        lambda group: group.leaking,
    ),
    "conflicts": (
        "One picture, two labels",
        "Two of each group. At least one of the labels is wrong, or the classes overlap.",
        lambda group: group.conflicting,
    ),
    "repeats": (
        "Other look-alikes",
        "Two of each group, the largest first, within a split or held out in both. They count twice.",
        lambda group: not group.leaking and not group.conflicting,
    ),
}

GetImage = Callable[[str, int], Image.Image]  # the picture of a split at a place


def audit_section(audit: Audit, look: GetImage, folder: Path, dropped: bool) -> Section:
    """For the report of a run: what makes its numbers doubtful, and the first groups of look-alikes.

    look: of the pictures that were audited. folder: where the figure goes; made. dropped: whether training
    went without the pictures that are held out too.
    """
    blocks: list[Block] = [Text(audit_verdict(audit, dropped)), Text(NEAR_TEXT)]
    items: list[ReportFigure | Table] = [leak_table(audit), flaw_table(audit)]
    blocks.append(Grid(items))
    if audit.groups:
        caption = "The first groups of look-alikes, two pictures of each: those that leak, then those with two labels."
        blocks.append(
            Grid(
                [
                    draw_groups(
                        audit.groups, look, folder / "look_alikes.png", "Look-alikes", caption
                    )
                ]
            )
        )
    return Section("Data audit", blocks)


def make_audit_page(audit: Audit, look: GetImage, folder: Path) -> Page:
    """The page audit.html; its figures go into `folder`, which is made."""
    drawn = []
    for name, (title, caption, chosen) in GROUP_SECTIONS.items():
        groups = [group for group in audit.groups if chosen(group)]
        if groups:
            found = draw_groups(groups, look, folder / f"{name}.png", "The first of them", caption)
            drawn += [
                Section(title, [Text(describe_groups(groups)), Grid([found]), list_groups(groups)])
            ]
    folder.mkdir(parents=True, exist_ok=True)
    counts = {split: np.array(list(classes.values())) for split, classes in audit.balance.items()}
    charts.save_figure(
        charts.plot_balance(counts, list(next(iter(audit.balance.values())))),
        folder / "class_balance.png",
    )
    caption = "Pictures of each class in each split, in the order of the first; each split has its own scale."
    balance = ReportFigure(folder / "class_balance.png", "data", "Class balance", caption)
    return Page(
        kicker="Data audit · gv_jax",
        title=audit.name,
        lead=audit_verdict(audit, dropped=False),
        facts=[f"{count:,} {split}" for split, count in audit.counts.items()],
        cards=audit_cards(audit),
        sections=[
            Section(
                "What was found",
                [
                    Text(NEAR_TEXT),
                    Grid([leak_table(audit), flaw_table(audit)]),
                    *list_odd_images(audit),
                ],
            ),
            *drawn,
            Section("Classes", [Grid([balance])]),
            Section(
                "Sizes and modes",
                [Grid([counts_table("Size", audit.sizes), counts_table("Mode", audit.modes)])],
            ),
        ],
    )


def audit_verdict(audit: Audit, dropped: bool) -> str:
    """What the audit means for a result, in two sentences or three."""
    if not audit.leaks:
        text = "Nothing is held out, so nothing can leak."
    else:
        parts = []
        for split, found in audit.leaks.items():
            total = found["exact"] + found["near"]
            parts.append(f"{total:,} of {audit.counts[split]:,} {split} pictures")
        text = f"{' and '.join(parts)} are also in training, the same or nearly."
    if dropped:
        text += f" Training went without its {len(audit.leaked):,} pictures that are held out too."
    elif audit.leaked:
        text += (
            f" Their results flatter; --config.data.drop_leaks=True takes the {len(audit.leaked):,} "
            "training pictures concerned out of training."
        )
    if audit.conflicts:
        text += f" {len(audit.conflicts):,} groups of look-alikes bear two labels."
    return text


def audit_cards(audit: Audit) -> list[MetricCard]:
    """The numbers that matter."""
    found = []
    for split, leaks in audit.leaks.items():
        total, count = sum(leaks.values()), audit.counts[split]
        text = f"of {count:,}: {leaks['exact']:,} the same, {leaks['near']:,} nearly"
        found.append(MetricCard(f"Also in training, {split}", f"{total:,}", text, total / count))
    pictures = len({file for group in audit.conflicts for file in group.files})
    found.append(
        MetricCard("Groups with two labels", f"{len(audit.conflicts):,}", f"{pictures:,} pictures")
    )
    repeated = len({file for group in audit.groups for file in group.files})
    share = repeated / sum(audit.counts.values())
    found.append(
        MetricCard(
            "Pictures with a look-alike", f"{repeated:,}", f"in {len(audit.groups):,} groups", share
        )
    )
    return found


def leak_table(audit: Audit) -> Table:
    """What is held out and in training too."""
    rows = [
        [
            Cell(split),
            *(
                Cell(f"{number:,}", number=True)
                for number in (audit.counts[split], *leaks.values())
            ),
        ]
        for split, leaks in audit.leaks.items()
    ]
    return Table(
        ("Held out", "Pictures", "Same in training", "Nearly the same"), rows, "Pictures that leak."
    )


def flaw_table(audit: Audit) -> Table:
    """Counts of everything else."""
    summary = audit.summary
    rows = {
        "Groups of the same picture": summary["exact_groups"],
        "Groups of nearly the same": summary["near_groups"],
        "Groups with two labels": summary["label_conflicts"],
        f"Pictures less than {TINY_PIXELS} pixels high or wide": summary["tiny"],
        "Pictures of one colour": summary["constant"],
    }
    cells = [[Cell(name), Cell(f"{count:,}", number=True)] for name, count in rows.items()]
    return Table(("", "Count"), cells, "In all splits together.")


def list_odd_images(audit: Audit) -> list[Block]:
    """The names of tiny and constant pictures."""
    kinds = {
        f"pictures less than {TINY_PIXELS} pixels high or wide": audit.tiny,
        "pictures of one colour": audit.constant,
    }
    return [
        Details(f"{len(files):,} {kind}", "\n".join(files))
        for kind, files in kinds.items()
        if files
    ]


def counts_table(name: str, counts: dict[str, int]) -> Table:
    """The most frequent values, and how many pictures have another."""
    rows = list(counts.items())
    if len(rows) > MAX_TABLE_ROWS:
        rest = rows[MAX_TABLE_ROWS - 1 :]
        rows = [
            *rows[: MAX_TABLE_ROWS - 1],
            (f"{len(rest):,} others", sum(count for _, count in rest)),
        ]
    total = max(sum(counts.values()), 1)
    cells = [
        [Cell(value), Cell(f"{count:,}", True), Cell(f"{count / total:.1%}", True, count / total)]
        for value, count in rows
    ]
    return Table((name, "Pictures", "Share"), cells)


def describe_groups(groups: Sequence[DuplicateGroup]) -> str:
    """How many groups and pictures."""
    pictures = len({file for group in groups for file in group.files})
    exact = sum(group.kind == "exact" for group in groups)
    near = len(groups) - exact
    return f"{len(groups):,} groups, {exact:,} of the same and {near:,} of nearly the same; {pictures:,} pictures."


def list_groups(groups: Sequence[DuplicateGroup]) -> Details:
    """Every group with the names of its files."""
    lines = []
    for group in groups:
        lines.append(f"{group.kind}, {len(group.files)} pictures")
        rows = zip(group.files, group.splits, group.labels, strict=True)
        lines += [f"    {split:5} {label}  {file}" for file, split, label in rows]
    return Details(f"All {len(groups):,} groups", "\n".join(lines))


def draw_groups(
    groups: Sequence[DuplicateGroup], look: GetImage, file: Path, title: str, caption: str
) -> ReportFigure:
    """Writes a sheet of the two most telling pictures of each of the first groups."""
    pictures, captions = [], []
    for group in groups[:SHOWN_GROUPS]:
        for member in representative_pair(group):
            image = look(group.splits[member], group.places[member])
            image.thumbnail((MAX_IMAGE_PX, MAX_IMAGE_PX))
            pictures.append(np.asarray(image.convert("RGBA")))
            label, name = replace_missing_glyphs(
                [group.labels[member], PurePosixPath(group.files[member]).name]
            )
            split = group.splits[member]
            captions.append(
                [
                    CaptionLine(label, RED if group.conflicting else INK),
                    CaptionLine(
                        "", MUTED if split == "train" else ORANGE, f"{split}: {group.kind}"
                    ),
                    CaptionLine(name, MUTED),
                ]
            )
    file.parent.mkdir(parents=True, exist_ok=True)
    charts.save_figure(image_grid(pictures, captions, columns=4), file)
    more = f" {len(groups) - SHOWN_GROUPS:,} groups more." if len(groups) > SHOWN_GROUPS else ""
    return ReportFigure(file, "data", title, caption + more, photos=True)


def representative_pair(group: DuplicateGroup) -> tuple[int, int]:
    """Two members: of training and held out if it leaks, of two labels if it has them."""
    pairs = [
        (one, other)
        for one in range(len(group.files))
        for other in range(one + 1, len(group.files))
    ]

    def worth(pair: tuple[int, int]) -> tuple[bool, bool]:
        one, other = pair
        leaking = (group.splits[one] == "train") != (group.splits[other] == "train")
        return leaking, group.labels[one] != group.labels[other]

    return max(pairs, key=worth)
