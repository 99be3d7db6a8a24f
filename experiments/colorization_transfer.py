"""Do colours that were learned on some games help on another one that was never seen?

    python -m experiments.colorization_transfer [--seeds 3] [--quick]

Every variant is tested on all frames of Seaquest, which none is trained on: learned are the colours of one other game,
of three, or of seven, in as many steps; told in four shades of grey.
"""

from gv_jax.ablation import ablate

CONFIG = "configs/colorize_quickstart.py"
UNSEEN = "seaquest"
GAMES = ("riverraid", "enduro", "ms_pacman", "kangaroo", "up_n_down", "assault", "bank_heist")


def trained_on(count: int) -> dict[str, object]:
    """The first so many games, and the one that is only tested on."""
    return {
        "data.atari_frames.games": (*GAMES[:count], UNSEEN),
        "data.atari_frames.test_only": (UNSEEN,),
        "train.steps_per_epoch": 84,
    }


VARIANTS = {f"{count}_games" if count > 1 else "1_game": trained_on(count) for count in (1, 3, 7)}
VARIANTS |= {
    f"{name}_mse": {**overrides, "color_head.name": "mse"} for name, overrides in VARIANTS.items()
}

if __name__ == "__main__":
    ablate(
        __file__,
        __doc__ or "",
        CONFIG,
        VARIANTS,
        reference="1_game",
        seeds=3,
        metric="test.ciede2000",
    )
