"""Which model and which color head colorize gray frames best?

    gv-jax ablate experiments/colorization_models.py
    gv-jax ablate experiments/colorization_models.py --results=results/titles \\
        --config.data.name=frames_folder --config.data.path=DIR \\
        --config.data.frames_folder.hold_out=titles "--config.data.size=(96,128)"

One Atari game, or images of many titles in DIR of which whole titles are held out; four gray
levels.
`alpha` is the published model, `mse` its loss. data/weights/ holds a resnet18.safetensors in
torchvision's names.
"""

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
        },  # ten times the cost of the U-Net
        "resnet18_encoder_pretrained": {"model.name": "resnet18_encoder", **PRETRAINED},
        "fusion_palette": {"model.name": "fusion", "model.last_stage": "stage3", **PRETRAINED},
    }.items()
}
REFERENCE = "unet_mse"
METRIC = "test.ciede2000"
