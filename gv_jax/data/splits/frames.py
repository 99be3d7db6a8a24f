"""Splits of frames by scene or by title, so that no held-out frame is beside a training frame."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from gv_jax.data.splits import stratified
from gv_jax.errors import UserError, unknown

HOLD_OUT = ("scenes", "titles")
MIN_SCENES = 10  # scenes per title; short titles get shorter scenes


def check_hold_out(
    name: str,
    hold_out: str,
    scene_length: int,
    gap: int,
    test_only: Collection[str],
    titles: Collection[str],
) -> None:
    """Checks the options of `split_frames`.

    Args:
        name: name of the data set, for messages.
        hold_out, scene_length, gap, test_only: as in `split_frames`.
        titles: all titles.

    Raises:
        UserError: an option is invalid; names the config field and the value.
    """
    if hold_out not in HOLD_OUT:
        raise unknown(f"value of --config.data.{name}.hold_out", hold_out, HOLD_OUT)
    for option, value in (("scene_length", scene_length), ("gap", gap)):
        if value < 1:
            raise UserError(f"--config.data.{name}.{option}={value} must be at least 1 frame.")
    for title in test_only:
        if title not in titles:
            raise unknown(f"title (--config.data.{name}.test_only)", title, titles)
    if test_only and len(set(test_only)) == len(titles):
        raise UserError(
            f"--config.data.{name}.test_only={tuple(test_only)} contains every title, so the "
            "training split would be empty. Remove one."
        )


def split_frames(
    titles: Sequence[int],
    frame_indices: Sequence[int],
    classes: Sequence[str],
    fractions: Mapping[str, float],
    seed: int,
    *,
    hold_out: str,
    scene_length: int,
    gap: int,
    test_only: Collection[str] = (),
) -> dict[str, list[int]]:
    """Split -> indices of its frames, ascending.

    hold_out "scenes": each title is cut into scenes of consecutive frames. A scene goes to one
    split; every title is in every split. Frames near a held-out scene are dropped: from train those
    within `gap` frames of valid or test, from valid those within `gap` frames of test.
    hold_out "titles": a title goes to one split.

    Args:
        titles: the title of each frame, an index into `classes`.
        frame_indices: the position of each frame in its title, dropped frames included.
        classes: names of the titles.
        fractions: split -> fraction of the frames.
        seed: seed of the assignment.
        hold_out: "scenes" or "titles".
        scene_length: frames per scene, or a tenth of the title if that is less.
        gap: frames dropped beside a held-out scene; in proportion fewer in shorter scenes, but at
            least 1.
        test_only: titles that occur only in the test split, which then has no other frames.

    Raises:
        UserError: too few frames or titles for the splits.
    """
    test_titles = {classes.index(name) for name in test_only}
    remaining = [index for index, title in enumerate(titles) if title not in test_titles]
    if test_titles:
        fractions = {split: fraction for split, fraction in fractions.items() if split != "test"}
    if hold_out == "titles":
        groups = [classes[titles[index]] for index in remaining]
        if len(set(groups)) < len(fractions):
            raise UserError(
                f"hold_out='titles' needs at least {len(fractions)} titles for the splits "
                f"{', '.join(fractions)}; the data set has {len(set(groups))}."
            )
        parts = stratified.assign_single_label(
            [0] * len(remaining), groups, fractions, seed, ("all titles",)
        )
        splits = {split: [remaining[i] for i in members] for split, members in parts.items()}
    else:
        splits = _split_by_scene(
            remaining, titles, frame_indices, classes, fractions, seed, scene_length, gap
        )
    if test_titles:
        splits["test"] = [index for index, title in enumerate(titles) if title in test_titles]
    return splits


def _split_by_scene(
    frames: Sequence[int],
    titles: Sequence[int],
    frame_indices: Sequence[int],
    classes: Sequence[str],
    fractions: Mapping[str, float],
    seed: int,
    scene_length: int,
    gap: int,
) -> dict[str, list[int]]:
    positions = [(titles[index], frame_indices[index]) for index in frames]
    ends: defaultdict[int, int] = defaultdict(int)
    for title, position in positions:
        ends[title] = max(ends[title], position + 1)
    lengths = {title: max(1, min(scene_length, end // MIN_SCENES)) for title, end in ends.items()}
    used = sorted(ends)
    groups = [f"{classes[title]}/{position // lengths[title]}" for title, position in positions]
    labels = [used.index(title) for title, _ in positions]
    parts = stratified.assign_single_label(
        labels, groups, fractions, seed, [classes[title] for title in used]
    )
    gaps = {title: max(1, gap * lengths[title] // scene_length) for title in used}
    splits: dict[str, list[int]] = {}
    held_out: set[tuple[int, int]] = set()
    for split in [name for name in ("test", "valid", "train") if name in parts]:
        members = parts[split]
        kept = [i for i in members if not _is_near(positions[i], gaps[positions[i][0]], held_out)]
        held_out |= {positions[i] for i in members}
        empty = sorted({positions[i][0] for i in members} - {positions[i][0] for i in kept})
        if empty:
            raise UserError(
                f"{classes[empty[0]]}: too few frames to hold out scenes for the splits "
                f"{', '.join(fractions)}. Add frames, hold out whole titles (hold_out=titles), or "
                "drop a split: --config.data.valid_fraction=0 or --config.data.test_fraction=0."
            )
        splits[split] = [frames[i] for i in kept]
    return {split: splits[split] for split in parts}


def _is_near(position: tuple[int, int], gap: int, others: Collection[tuple[int, int]]) -> bool:
    title, frame = position
    return any((title, frame + offset) in others for offset in range(-gap, gap + 1))
