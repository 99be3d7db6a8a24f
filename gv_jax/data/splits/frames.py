"""Which frames are held out: stretches of time or whole titles, never a frame whose neighbour is trained on."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from gv_jax.data.splits import stratified
from gv_jax.errors import UserError, unknown

HOLD_OUT = ("scenes", "titles")
MIN_SCENES = 10  # scenes of a title: shorter ones where it has not so many of the length asked for


def check_hold_out(
    name: str,
    hold_out: str,
    scene_length: int,
    gap: int,
    test_only: Collection[str],
    titles: Collection[str],
) -> None:
    """UserError for what no split can be made by; `name` is the data set's."""
    if hold_out not in HOLD_OUT:
        raise unknown(f"value of --config.data.{name}.hold_out", hold_out, HOLD_OUT)
    for option, value in (("scene_length", scene_length), ("gap", gap)):
        if value < 1:
            raise UserError(f"--config.data.{name}.{option}={value}: take 1 frame or more.")
    for title in test_only:
        if title not in titles:
            raise unknown(f"title (--config.data.{name}.unseen)", title, titles)
    if test_only and len(set(test_only)) == len(titles):
        raise UserError(f"--config.data.{name}.unseen names every title: none is left to train on.")


def split_frames(
    titles: Sequence[int],
    ticks: Sequence[int],
    classes: Sequence[str],
    share: Mapping[str, float],
    seed: int,
    *,
    hold_out: str,
    scene_length: int,
    gap: int,
    test_only: Collection[str] = (),
) -> dict[str, list[int]]:
    """Split -> indices of its frames, ascending.

    "scenes": each title is cut into scenes of `scene` frames in a row, or a tenth of it if that is less; a scene goes
    to one split as a whole, every title is in every split. What is within `gap` frames of a frame of valid or test (in
    shorter scenes fewer, in proportion, but always its neighbours) is left out of training, and of valid what is so
    near to test. "titles": whole titles go to one split. Both in the shares asked for, drawn by seed.

    Args:
        titles: of each frame, which of `classes` it belongs to.
        ticks: of each frame, its place in its title, counting also the frames that were not kept.
        unseen: titles that go to test as a whole; then nothing else does, and valid is of the others.

    Raises:
        UserError: too few frames or titles for the splits.
    """
    hidden = {classes.index(name) for name in test_only}
    seen = [index for index, title in enumerate(titles) if title not in hidden]
    if hidden:
        share = {split: part for split, part in share.items() if split != "test"}
    if hold_out == "titles":
        groups = [classes[titles[index]] for index in seen]
        if len(set(groups)) < len(share):
            raise UserError(
                f"{len(set(groups))} titles are too few to hold out whole ones for {', '.join(share)}."
            )
        parts = stratified.assign_single_label(
            [0] * len(seen), groups, share, seed, ("all titles",)
        )
        divided = {split: [seen[index] for index in members] for split, members in parts.items()}
    else:
        divided = _by_scene(seen, titles, ticks, classes, share, seed, scene_length, gap)
    if hidden:
        divided["test"] = [index for index, title in enumerate(titles) if title in hidden]
    return divided


def _by_scene(
    frames: Sequence[int],
    titles: Sequence[int],
    ticks: Sequence[int],
    classes: Sequence[str],
    share: Mapping[str, float],
    seed: int,
    scene_length: int,
    gap: int,
) -> dict[str, list[int]]:
    ends: defaultdict[int, int] = defaultdict(int)
    for index in frames:
        ends[titles[index]] = max(ends[titles[index]], ticks[index] + 1)
    length = {title: max(1, min(scene_length, end // MIN_SCENES)) for title, end in ends.items()}
    used = sorted(ends)
    groups = [
        f"{classes[titles[index]]}/{ticks[index] // length[titles[index]]}" for index in frames
    ]
    labels = [used.index(titles[index]) for index in frames]
    parts = stratified.assign_single_label(
        labels, groups, share, seed, [classes[title] for title in used]
    )
    divided = {split: [frames[index] for index in members] for split, members in parts.items()}
    later: set[tuple[int, int]] = set()
    for split in [name for name in ("test", "valid", "train") if name in divided]:
        reach = {title: max(1, gap * length[title] // scene_length) for title in used}
        kept = [
            index
            for index in divided[split]
            if not _near(titles[index], ticks[index], reach, later)
        ]
        later |= {(titles[index], ticks[index]) for index in divided[split]}
        lost = sorted(
            {titles[index] for index in divided[split]} - {titles[index] for index in kept}
        )
        if lost:
            raise UserError(
                f"{classes[lost[0]]}: too few frames to hold out scenes for {', '.join(share)}. Give more, hold out "
                "whole titles (hold_out=titles), or do without a split: --config.data.valid_fraction=0 or "
                "--config.data.test_fraction=0."
            )
        divided[split] = kept
    return divided


def _near(
    title: int, tick: int, reach: Mapping[int, int], later: Collection[tuple[int, int]]
) -> bool:
    return any((title, tick + step) in later for step in range(-reach[title], reach[title] + 1))
