"""Plays Atari games at random and records frames without near-duplicates."""

import io
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gv_jax.data.duplicates.index import NearDuplicateIndex
from gv_jax.errors import UserError

# In emulator frames of 1/60 s:
ACTION_FRAMES = (4, 20)  # minimum and maximum duration of an action
MAX_EPISODE_FRAMES = 6000  # an episode is cut after 100 s
WARM_UP_FRAMES = 180  # frames after a reset that are not recorded: blank screens and titles
MAX_PLAY_FACTOR = 20  # gives up after this multiple of the frames needed without duplicates


@dataclass(frozen=True)
class AtariFrame:
    """A recorded frame.

    Attributes:
        game: name of the game.
        episode: index of the episode.
        frame_index: emulator frames since the reset.
        split: split of the episode.
        png: image as PNG, about 2 kB instead of 100 kB of pixels.
    """

    game: str
    episode: int
    frame_index: int
    split: str
    png: bytes


class Player:
    """Plays one game at random; the same seed and game give the same frames.

    Actions are drawn from the game's minimal action set and held for ACTION_FRAMES. The set
    contains every start button; the emulator presses RESET and SELECT itself.

    Raises:
        UserError: ale-py is not installed, or does not contain this game.
    """

    def __init__(self, game: str, seed: int):
        try:
            from ale_py import ALEInterface, LoggerMode, roms
        except ImportError:
            raise UserError("atari_frames requires ale-py: pip install -e '.[atari]'") from None
        rom = roms.get_rom_path(game)
        if rom is None:
            raise UserError(
                f"The installed ale-py has no game {game!r}: pip install --upgrade ale-py, or "
                "remove it from --config.data.atari_frames.games."
            )
        self.random = random.Random(f"{seed}/{game}")
        ALEInterface.setLoggerMode(LoggerMode.Error)  # no banner
        self.emulator = ALEInterface()
        self.emulator.setInt("random_seed", self.random.randrange(2**31))
        self.emulator.setFloat("repeat_action_probability", 0.0)  # ACTION_FRAMES repeats instead
        self.emulator.loadROM(rom)
        self.actions = self.emulator.getMinimalActionSet()
        self.frames_played = 0

    def play_episode(self) -> Iterator[int]:
        """Plays from a reset until the game is over, at most MAX_EPISODE_FRAMES.

        Yields the index of every emulator frame, from 1.
        """
        self.emulator.reset_game()
        frames_left, action = 0, self.actions[0]
        for frame_index in range(1, MAX_EPISODE_FRAMES + 1):
            if frames_left == 0:
                frames_left = self.random.randint(*ACTION_FRAMES)
                action = self.random.choice(self.actions)
            self.emulator.act(action)
            frames_left -= 1
            self.frames_played += 1
            yield frame_index
            if self.emulator.game_over():
                return

    def read_screen(self) -> np.ndarray:
        """The current screen, uint8 [210 160 3]."""
        return self.emulator.getScreenRGB()


def record_frames(
    game: str, targets: Mapping[str, int], *, frame_stride: int, seed: int, clip_length: int
) -> list[AtariFrame]:
    """Frames of whole episodes, in order, without black frames and near-duplicates.

    An episode belongs to the split that lacks the largest fraction of its target, and ends when
    that split is full.

    Args:
        game: name of the game.
        targets: split -> number of frames. Fewer are returned if `MAX_PLAY_FACTOR` is reached.
        frame_stride: emulator frames from one candidate to the next.
        seed: seed of the player.
        clip_length: candidates recorded from each new frame on, near-duplicates included.

    Raises:
        UserError: see Player.
    """
    player = Player(game, seed)
    seen = NearDuplicateIndex()
    seen.add(np.zeros_like(player.read_screen()))  # so that black frames are near-duplicates
    frames: list[AtariFrame] = []
    remaining = dict(targets)
    max_frames = (
        MAX_PLAY_FACTOR * frame_stride * sum(targets.values()) + len(targets) * MAX_EPISODE_FRAMES
    )
    episode = 0
    while any(remaining.values()) and player.frames_played < max_frames:
        split = max(remaining, key=lambda name: remaining[name] / targets[name])
        clip_left = 0  # frames of the current clip that are still to be recorded
        for frame_index in player.play_episode():
            if frame_index < WARM_UP_FRAMES or frame_index % frame_stride:
                continue
            image = player.read_screen()
            is_new = seen.add_if_new(image)
            if not is_new and not clip_left:
                continue
            clip_left = clip_left - 1 if clip_left else clip_length - 1
            frames.append(AtariFrame(game, episode, frame_index, split, encode_png(image)))
            remaining[split] -= 1
            if remaining[split] == 0:
                break
        episode += 1
    return frames


def encode_png(image: np.ndarray) -> bytes:
    """`image`, uint8 [h w c], as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
