"""Frames of Atari 2600 games, played here: the ale-py package carries the emulator and the games."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds
from PIL import Image
from tqdm import tqdm

from gv_jax.data.builders.atari_games import GAMES, GENRES
from gv_jax.data.builders.atari_player import AtariFrame, record_frames
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.splits import stratified
from gv_jax.errors import UserError, unknown

LABEL_KINDS = ("game", "genre")


class AtariFrames(ImageBuilder, skip_registration=True):
    """RGB pictures of 210x160 pixels: each `every`-th frame of random play, no two of a game nearly the same.

    A game is played from a seed made of `seed` and its name, so its frames don't depend on the other games.
    An episode runs from a reset until the game is over, 100 seconds have passed or its split is full, and
    goes to one split as a whole. Left out are black frames, and those nearly the same (`duplicates.py`) as
    one that was kept before, in whatever split.

    The frames are the emulator's own, not the maximum of two. Many games draw some sprites in even and
    others in odd frames only (Asteroids: rocks, ship): an odd `every` shows both in turn.

    In each split the examples come in order of game, episode, frame. The id says so: "pong/e003/f00120" is
    120 emulator frames after the reset. A run of ids that differ by `every` shows how things move: see `clip`.

    Args:
        games: names in `atari_games.GAMES`; () for all.
        frames_per_game: frames to keep of a game, over all splits; `skipped` lists the games that gave fewer.
        every: emulator frames, of 1/60 s, from one frame that may be kept to the next.
        seed: another seed, another play.
        label: "game": classes are the games, grouped by genre; every game is in every split.
            "genre": classes are the genres; every game is in one split only, drawn by `split_seed`, and every
            genre has games in every split, so that valid and test show none that was trained on.
        unseen: games that go to test as a whole; then nothing else does. With label "game" alone.
        clip: from each frame on that is new, so many in a row are kept, the later ones alike or not.

    Raises:
        UserError: unknown game or label, a path, too few frames or games for the splits; later: no ale-py.
    """

    name = "atari_frames"
    VERSION = tfds.core.Version("1.0.0")
    native_size = (210, 160)

    def __init__(
        self,
        *,
        games: Sequence[str],
        frames_per_game: int,
        frame_stride: int,
        seed: int,
        label: str,
        test_only: Sequence[str],
        clip_length: int,
        path: str,
        **common: Any,
    ):
        if path:
            raise UserError(
                f"atari_frames plays its games itself: leave out --config.data.path={path}"
            )
        if label not in LABEL_KINDS:
            raise unknown("label of atari_frames", label, LABEL_KINDS)
        if frame_stride < 1:
            raise UserError(
                f"--config.data.atari_frames.frame_stride={frame_stride}: take 1 or more."
            )
        if frames_per_game < 3:
            raise UserError(
                f"--config.data.atari_frames.frames_per_game={frames_per_game}: take 3 or more."
            )
        if clip_length < 1:
            raise UserError(
                f"--config.data.atari_frames.clip_length={clip_length}: take 1 or more."
            )
        for game in games:
            if game not in GAMES:
                raise unknown("game of atari_frames", game, GAMES)
        self.games = tuple(dict.fromkeys(games)) or tuple(GAMES)
        self.test_only = frozenset(test_only)
        self._check_unseen(label)
        self.frames_per_game, self.frame_stride, self.seed, self.label = (
            frames_per_game,
            frame_stride,
            seed,
            label,
        )
        self.clip_length = clip_length
        genres = {game: GAMES[game] for game in self.games}
        self.classes = self.games if label == "game" else tuple(sorted(set(genres.values())))
        self.groups = genres if label == "game" else {}
        shaped_by = {
            "games": self.games,
            "frames": frames_per_game,
            "frame_stride": frame_stride,
            "seed": seed,
            "label": label,
            "test_only": sorted(self.test_only),
            "clip_length": clip_length,
        }
        super().__init__(path=path, **common, shaped_by=shaped_by)
        self.share = stratified.split_fractions(self.valid_fraction, self.test_fraction)
        if label == "game":
            seen = [game for game in self.games if game not in self.test_only]
            share = (
                stratified.split_fractions(self.valid_fraction, 0) if self.test_only else self.share
            )
            self.wanted = of_every_game(seen, frames_per_game, share)
            self.wanted |= {game: {"test": frames_per_game} for game in self.test_only}
            self.share = share | ({"test": 0.0} if self.test_only else {})
        else:
            self.wanted = of_whole_games(self.games, frames_per_game, self.share, self.split_seed)

    def _check_unseen(self, label: str) -> None:
        for game in self.test_only:
            if game not in self.games:
                raise unknown("game of atari_frames (unseen)", game, self.games)
        if self.test_only and label != "game":
            raise UserError(
                f"--config.data.atari_frames.label={label} holds out games itself: leave out unseen."
            )
        if self.test_only == frozenset(self.games):
            raise UserError(
                "--config.data.atari_frames.test_only names every game: none is left to train on."
            )

    def group(self, name: str) -> str:
        """The episode that a frame is of; the game, where whole games are held out."""
        return name.rpartition("/")[0] if self.label == "game" else name.partition("/")[0]

    def pictures(self) -> dict[str, Iterator[Example]]:
        frames: dict[str, list[AtariFrame]] = {split: [] for split in self.share}
        for game in tqdm(self.games, "playing", unit=" games"):
            for frame in self._capture(game):
                frames[frame.split].append(frame)
        return {split: self._pictures(kept) for split, kept in frames.items()}

    def _capture(self, game: str) -> list[AtariFrame]:
        wanted = self.wanted[game]
        frames = record_frames(
            game,
            wanted,
            frame_stride=self.frame_stride,
            seed=self.seed,
            clip_length=self.clip_length,
        )
        for split in wanted:
            if not any(frame.split == split for frame in frames):
                raise UserError(
                    f"{game}: every frame for {split} was nearly the same as an earlier one; leave it out."
                )
        if len(frames) < self.frames_per_game:
            why = "the others were nearly the same as these"
            self.skipped.append(
                f"{game}: only {len(frames)} of {self.frames_per_game} frames; {why}"
            )
        return frames

    def _pictures(self, frames: Iterable[AtariFrame]) -> Iterator[Example]:
        for frame in frames:
            name = frame.game if self.label == "game" else GAMES[frame.game]
            place = f"{frame.game}/e{frame.episode:03d}/f{frame.number:05d}"
            yield Example(place, self.classes.index(name), Image.open(io.BytesIO(frame.png)))


def of_every_game(
    games: Sequence[str], frames: int, share: Mapping[str, float]
) -> dict[str, dict[str, int]]:
    """Game -> split -> frames: every game in every split."""
    members = stratified.assign_single_label(
        [0] * frames, [str(n) for n in range(frames)], share, 0, ("frames_per_game",)
    )
    return {game: {split: len(members[split]) for split in share} for game in games}


def of_whole_games(
    games: Sequence[str], frames: int, share: Mapping[str, float], seed: int
) -> dict[str, dict[str, int]]:
    """Game -> its one split -> frames: every genre in every split, in the shares that come nearest."""
    genres = sorted({GAMES[game] for game in games})
    for genre in genres:
        members = [game for game in games if GAMES[game] == genre]
        if len(members) < len(share):
            raise UserError(
                f"--config.data.atari_frames.label=genre holds out whole games and needs {len(share)} of a "
                f"genre for {', '.join(share)}; of {genre!r} there is only {', '.join(members)}. Add from: "
                f"{GENRES[genre]}."
            )
    members = stratified.assign_single_label(
        [genres.index(GAMES[game]) for game in games], games, share, seed, genres
    )
    return {
        games[index]: {split: frames} for split, indices in members.items() for index in indices
    }
