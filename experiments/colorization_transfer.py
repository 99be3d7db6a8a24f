"""Do colors learned on some games transfer to a game that was never seen?

    gv-jax ablate experiments/colorization_transfer.py --config.train.epochs=7

Every variant is tested on all frames of Seaquest, which no variant is trained on. The training
games are one, three or seven others, with the same number of steps and four gray levels.
"""

CONFIG = "configs/colorize_quickstart.py"
UNSEEN = "seaquest"
GAMES = ("riverraid", "enduro", "ms_pacman", "kangaroo", "up_n_down", "assault", "bank_heist")


def trained_on(count: int) -> dict[str, object]:
    """Overrides for training on the first `count` games and testing on UNSEEN."""
    return {
        "data.atari_frames.games": (*GAMES[:count], UNSEEN),
        "data.atari_frames.test_only": (UNSEEN,),
        "train.steps_per_epoch": 84,
    }


VARIANTS = {f"{count}_games" if count > 1 else "1_game": trained_on(count) for count in (1, 3, 7)}
VARIANTS |= {
    f"{name}_mse": {**overrides, "color_head.name": "mse"} for name, overrides in VARIANTS.items()
}
REFERENCE = "1_game"
METRIC = "test.ciede2000"
