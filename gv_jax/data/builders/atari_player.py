"""A random player of Atari games, and the frames worth keeping of what it sees."""

import io
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gv_jax.data.duplicates.index import NearDuplicateIndex
from gv_jax.errors import UserError

ACTION_FRAMES = (4, 20)  # emulator frames for which an action is kept: long enough to get somewhere
MAX_EPISODE_FRAMES = (
    6000  # emulator frames (100 s) after which a game that is not over is reset all the same
)
WARM_UP_FRAMES = 180  # emulator frames after a reset that are not kept: blank screens and titles
MAX_PLAY_FACTOR = (
    20  # times the play that would do if no two frames were alike, before a game is given up
)


@dataclass(frozen=True)
class AtariFrame:
    """A kept frame: where it comes from, where it goes, and the picture as PNG (2 kB; its pixels are 100)."""

    game: str
    episode: int
    number: int  # emulator frames since the episode's reset
    split: str
    png: bytes


class Player:
    """Plays one game at random, the same way for the same seed and name of the game.

    It draws from the actions that the game knows and keeps each for a while; that presses every start button
    sooner or later, and the emulator itself takes care of RESET and SELECT.

    Raises:
        UserError: no ale-py, or one without this game.
    """

    def __init__(self, game: str, seed: int):
        try:
            from ale_py import ALEInterface, LoggerMode, roms
        except ImportError:
            raise UserError(
                "atari_frames needs ale-py to play: pip install -e '.[atari]'"
            ) from None
        rom = roms.get_rom_path(game)
        if rom is None:
            raise UserError(
                f"this ale-py carries no game {game!r}: pip install --upgrade ale-py, or leave it out."
            )
        self.draw = random.Random(f"{seed}/{game}")
        ALEInterface.setLoggerMode(LoggerMode.Error)  # no banner
        self.emulator = ALEInterface()
        self.emulator.setInt("random_seed", self.draw.randrange(2**31))
        self.emulator.setFloat("repeat_action_probability", 0.0)  # HOLD takes its place
        self.emulator.loadROM(rom)
        self.actions = self.emulator.getMinimalActionSet()
        self.played = 0  # emulator frames

    def episode(self) -> Iterator[int]:
        """Plays from a reset to the game's end, or for EPISODE frames; yields the number of each, from 1."""
        self.emulator.reset_game()
        hold, action = 0, self.actions[0]
        for number in range(1, MAX_EPISODE_FRAMES + 1):
            if hold == 0:
                hold, action = self.draw.randint(*ACTION_FRAMES), self.draw.choice(self.actions)
            self.emulator.act(action)
            hold -= 1
            self.played += 1
            yield number
            if self.emulator.game_over():
                return

    def screen(self) -> np.ndarray:
        """The picture as it is now, uint8 [210 160 3]."""
        return self.emulator.getScreenRGB()


def record_frames(
    game: str, wanted: Mapping[str, int], *, frame_stride: int, seed: int, clip_length: int
) -> list[AtariFrame]:
    """Frames of whole episodes, in order, no two nearly the same but those that follow a new one in a `clip` of so
    many: as many of each split as `wanted`, or fewer when PATIENCE is at its end. An episode goes to the split that
    lacks the largest share by then, and ends when that is full.
    """
    player = Player(game, seed)
    seen = NearDuplicateIndex()
    seen.add(np.zeros_like(player.screen()))  # a black screen between two scenes is worth as little
    frames: list[AtariFrame] = []
    lacking = dict(wanted)
    patience = (
        MAX_PLAY_FACTOR * frame_stride * sum(wanted.values()) + len(wanted) * MAX_EPISODE_FRAMES
    )
    episode = 0
    while any(lacking.values()) and player.played < patience:
        split = max(lacking, key=lambda name: lacking[name] / wanted[name])
        following = 0  # frames that are still kept, new or not
        for number in player.episode():
            if number < WARM_UP_FRAMES or number % frame_stride:
                continue
            image = player.screen()
            new = seen.is_new(image)
            if not new and not following:
                continue
            following = following - 1 if following else clip_length - 1
            frames.append(AtariFrame(game, episode, number, split, encode_png(image)))
            lacking[split] -= 1
            if lacking[split] == 0:
                break
        episode += 1
    return frames


def encode_png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
