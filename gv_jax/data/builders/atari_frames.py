"""Frames of Atari 2600 games, recorded with the emulator and games of the package ale-py."""

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
MIN_FRAMES_PER_GAME = 3  # one per split


class AtariFrames(ImageBuilder, skip_registration=True):
    """RGB images of 210x160 pixels from random play, without near-duplicates within a game.

    The player of a game is seeded by `seed` and the name of the game, so its frames do not depend
    on the other games. An episode ends when the game is over, after 100 s, or when its split is
    full. All frames of an episode are in one split.

    Frames are not the maximum of two, as is usual in reinforcement learning. Many games draw some
    sprites only in even and others only in odd frames (Asteroids: rocks, ship); an odd
    `frame_stride` shows both alternately.

    Examples are ordered by game, episode and frame. The id "pong/e003/f00120" is the frame 120
    emulator frames after the reset. Ids that differ by `frame_stride` are consecutive.

    Args:
        games: names in GAMES; () for all.
        frames_per_game: frames per game over all splits; `skipped` lists games that gave fewer.
        frame_stride: emulator frames (1/60 s) from one candidate frame to the next.
        seed: seed of the random player.
        label: "game": classes are games, super-classes genres; every game is in every split.
            "genre": classes are genres; a game is in one split only, drawn by `split_seed`, and
            every genre is in every split.
        test_only: games that occur only in the test split, which then has no other games; only
            with label "game".
        clip_length: candidate frames recorded from each new frame on, near-duplicates included.
        path: must be empty.
        common: arguments of ImageBuilder.

    Raises:
        UserError: an invalid argument, or too few frames or games for the splits. `prepare()`
            raises it if ale-py is not installed.
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
                f"atari_frames records its own images: remove --config.data.path={path}."
            )
        if label not in LABEL_KINDS:
            raise unknown("label (--config.data.atari_frames.label)", label, LABEL_KINDS)
        for option, value, minimum in (
            ("frame_stride", frame_stride, 1),
            ("frames_per_game", frames_per_game, MIN_FRAMES_PER_GAME),
            ("clip_length", clip_length, 1),
        ):
            if value < minimum:
                raise UserError(
                    f"--config.data.atari_frames.{option}={value} must be at least {minimum}."
                )
        for game in games:
            if game not in GAMES:
                raise unknown("game (--config.data.atari_frames.games)", game, GAMES)
        self.games = tuple(dict.fromkeys(games)) or tuple(GAMES)
        self.test_only = frozenset(test_only)
        self._check_test_only(label)
        self.frames_per_game, self.frame_stride = frames_per_game, frame_stride
        self.seed, self.label, self.clip_length = seed, label, clip_length
        genres = {game: GAMES[game] for game in self.games}
        self.classes = self.games if label == "game" else tuple(sorted(set(genres.values())))
        self.groups = genres if label == "game" else {}
        fingerprint_fields = {
            "games": self.games,
            "frames": frames_per_game,
            "frame_stride": frame_stride,
            "seed": seed,
            "label": label,
            "test_only": sorted(self.test_only),
            "clip_length": clip_length,
        }
        super().__init__(path=path, **common, fingerprint_fields=fingerprint_fields)
        self.splits, self.targets = self._plan_frames()

    def _check_test_only(self, label: str) -> None:
        for game in self.test_only:
            if game not in self.games:
                raise unknown("game (--config.data.atari_frames.test_only)", game, self.games)
        if self.test_only and label != "game":
            raise UserError(
                f"--config.data.atari_frames.label={label} holds out games itself: remove "
                f"test_only={sorted(self.test_only)}."
            )
        if self.test_only == frozenset(self.games):
            raise UserError(
                "--config.data.atari_frames.test_only contains every game, so the training split "
                "would be empty. Remove one."
            )

    def _plan_frames(self) -> tuple[list[str], dict[str, dict[str, int]]]:
        """(splits, game -> split -> number of frames)."""
        fractions = stratified.split_fractions(self.valid_fraction, self.test_fraction)
        if self.label == "genre":
            targets = plan_held_out_games(
                self.games, self.frames_per_game, fractions, self.split_seed
            )
            return list(fractions), targets
        if not self.test_only:
            return list(fractions), plan_episodes(self.games, self.frames_per_game, fractions)
        fractions = stratified.split_fractions(self.valid_fraction, 0)
        games = [game for game in self.games if game not in self.test_only]
        targets = plan_episodes(games, self.frames_per_game, fractions)
        targets |= {game: {"test": self.frames_per_game} for game in self.test_only}
        return [*fractions, "test"], targets

    def group_of(self, image_id: str) -> str:
        """The episode of a frame, or its game if whole games are held out."""
        game, _, _ = image_id.partition("/")
        episode, _, _ = image_id.rpartition("/")
        return episode if self.label == "game" else game

    def generate(self) -> dict[str, Iterator[Example]]:
        frames: dict[str, list[AtariFrame]] = {split: [] for split in self.splits}
        for game in tqdm(self.games, f"{self.name}: play", unit=" games"):
            for frame in self._record(game):
                frames[frame.split].append(frame)
        return {split: self._make_examples(recorded) for split, recorded in frames.items()}

    def _record(self, game: str) -> list[AtariFrame]:
        targets = self.targets[game]
        frames = record_frames(
            game,
            targets,
            frame_stride=self.frame_stride,
            seed=self.seed,
            clip_length=self.clip_length,
        )
        for split in targets:
            if not any(frame.split == split for frame in frames):
                raise UserError(
                    f"{game}: all frames for the split {split!r} are near-duplicates. Remove the "
                    "game from --config.data.atari_frames.games."
                )
        if len(frames) < self.frames_per_game:
            self.skipped.append(
                f"{game}: only {len(frames)} of {self.frames_per_game} frames; the others are "
                "near-duplicates"
            )
        return frames

    def _make_examples(self, frames: Iterable[AtariFrame]) -> Iterator[Example]:
        for frame in frames:
            name = frame.game if self.label == "game" else GAMES[frame.game]
            image_id = f"{frame.game}/e{frame.episode:03d}/f{frame.frame_index:05d}"
            image = Image.open(io.BytesIO(frame.png))
            yield Example(image_id, self.classes.index(name), image)


def plan_episodes(
    games: Sequence[str], frames: int, fractions: Mapping[str, float]
) -> dict[str, dict[str, int]]:
    """Game -> split -> number of frames, with every game in every split.

    Args:
        games: names of games.
        frames: frames per game, over all splits.
        fractions: split -> fraction of the frames.
    """
    parts = stratified.assign_single_label(
        [0] * frames, [str(n) for n in range(frames)], fractions, 0, ("frames_per_game",)
    )
    return {game: {split: len(parts[split]) for split in fractions} for game in games}


def plan_held_out_games(
    games: Sequence[str], frames: int, fractions: Mapping[str, float], seed: int
) -> dict[str, dict[str, int]]:
    """Game -> its split -> number of frames, with every genre in every split.

    Args:
        games: names of games.
        frames: frames per game.
        fractions: split -> fraction of the games of a genre.
        seed: seed of the split.

    Raises:
        UserError: a genre has fewer games than there are splits.
    """
    genres = sorted({GAMES[game] for game in games})
    for genre in genres:
        members = [game for game in games if GAMES[game] == genre]
        if len(members) < len(fractions):
            raise UserError(
                "--config.data.atari_frames.label=genre holds out whole games and requires "
                f"{len(fractions)} games per genre for {', '.join(fractions)}; {genre!r} has only "
                f"{', '.join(members)}. Add games from: {GENRES[genre]}."
            )
    parts = stratified.assign_single_label(
        [genres.index(GAMES[game]) for game in games], games, fractions, seed, genres
    )
    return {games[index]: {split: frames} for split, indices in parts.items() for index in indices}
