"""Which network and which head colour grey frames best?

    python -m experiments.colorization_models [--seeds 3] [--quick]
    python -m experiments.colorization_models --results results/titles --config.data.name=frames_folder \\
        --config.data.path=DIR --config.data.frames_folder.hold_out=titles "--config.data.size=(96,128)"

One Atari game, or pictures of many titles in DIR of which whole ones are held out; told in four shades of grey. `alpha`
is the published benchmark, `mse` its loss. data/weights/ holds a resnet18.safetensors in torchvision's names.
"""

from gv_jax.ablation import ablate

CONFIG = "configs/colorize_quickstart.py"
ONE_GAME = {"data.atari_frames.games": ("riverraid",), "data.atari_frames.frames_per_game": 400}
PRETRAINED = {"model.pretrained": "data/weights/resnet18.safetensors"}
MSE = {"color_head.name": "mse"}
BINS = {"color_head.name": "bins", "color_head.predict_lightness": False}
VARIANTS = {
    name: {**ONE_GAME, **overrides}
    for name, overrides in {
        "alpha_mse": {"model.name": "alpha", **MSE},
        "alpha_palette": {"model.name": "alpha"},
        "unet_mse": MSE,
        "unet_mse_20_epochs": {**MSE, "train.epochs": 20},  # instead of 10
        "unet_bins": BINS,
        "unet_palette": {},
        "resnet18_encoder_palette": {"model.name": "resnet18_encoder"},
        "vgg16_encoder_palette": {
            "model.name": "vgg16_encoder",
            "train.epochs": 4,
        },  # ten times as dear as the unet's
        "resnet18_encoder_pretrained": {"model.name": "resnet18_encoder", **PRETRAINED},
        "fusion_palette": {"model.name": "fusion", "model.last_stage": "stage3", **PRETRAINED},
    }.items()
}

if __name__ == "__main__":
    ablate(
        __file__,
        __doc__ or "",
        CONFIG,
        VARIANTS,
        reference="unet_mse",
        seeds=3,
        metric="test.ciede2000",
    )
