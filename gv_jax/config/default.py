"""Every field of a run, its default and its unit. The config file of a run states what differs.

0 (or an empty string or tuple) switches an option off unless its comment says otherwise.
"""

from typing import Any

from ml_collections import ConfigDict

Config = Any  # a ConfigDict: its fields are known at run time only
PATH_FIELDS = (
    *("data.root", "data.path", "data.super_resolution", "data.generated"),
    "model.pretrained",
)


def get_config() -> ConfigDict:
    """The configuration that every file under configs/ starts from."""
    return ConfigDict(
        {
            "seed": 0,  # of weights, batches, augmentation, dropout and the folds of a probe
            "task": "classification",  # one of
            "recipe": "",  # of configs/folder.py: auto, fast, finetune or scratch
            "recipe_reason": "",  # why auto chose it, and the expected time; set by the recipe
            "data": data(),
            "model": {
                "name": "baseline",  # one of
                "stem": "",  # ResNets: imagenet (7x7/2, pooling) or small (3x3); empty: the default
                "padding": "",  # efficientnet_lite: same (TensorFlow) or symmetric; empty: same *
                "dropout": -1.0,  # dropout rate before the last layers; negative: the default
                "last_stage": "",  # backbones: the stage before the head; empty: the last one
                "classifier": "",  # fusion: the frozen classifier of `pretrained`; empty: resnet18
                "pretrained": "",  # initial weights: a file, hub:OWNER/NAME, package:NAME or a run
                "pretrained_without": ("head",),  # classifiers: stages that are re-initialized
                "dtype": "float32",  # compute dtype: float32, or bfloat16 on a GPU or TPU
            },
            "train": {
                "batch_size": 128,  # images, over all devices
                "epochs": 20,  # of `steps_per_epoch` steps each
                "sampling": "shuffled",  # shuffled, or balanced: each class is equally likely
                "steps_per_epoch": 0,  # steps per epoch; 0: one pass over the training split
                "valid_batches": 0,  # batches of the validation split per epoch; 0: all
                "ema": 0.0,  # decay per step of an EMA of the weights, used in evaluation
                "select": "best",  # weights to report: best (on valid; ties: by loss) or last
                "report_epochs": (),  # epochs, from 1, whose metrics are listed in the report
                "patience": 0,  # stop after this many epochs without improvement
                "checkpoint_seconds": 30.0,  # minimum time between checkpoints; 0: every epoch
                "steps_per_call": 1,  # in one compiled call; several help small networks on a GPU
                "shard_state": False,  # divide large weights and optimizer state among the devices
                "device_cache_mb": 2048,  # data sets up to this size stay on the device
                "read_threads": 4,  # threads that read larger data sets ahead; 0: read on demand
                "prefetch": 8,  # batches that they read ahead
            },
            "loss": {  # training only; validation and results use the plain loss
                "class_weights": "",  # inverse (1/n) or inverse_sqrt (1/sqrt n), mean 1
                "focal": 0.0,  # gamma of the focal loss
                "logit_adjustment": 0.0,  # tau: adds tau * log(class prior) to the logits
            },
            "optimizer": {
                "name": "adamw",  # adam, adamw, muon or sgd
                "learning_rate": 1e-3,  # peak of the schedule
                "schedule": "one_cycle",  # constant, cosine, one_cycle or step
                "warmup_epochs": 0.0,  # linear warm-up of a constant, cosine or step schedule
                "step_milestones": (0.5, 0.75),  # step: fractions of training at which the rate …
                "step_gamma": 0.1,  # … is multiplied by this factor
                "momentum": 0.9,  # of sgd
                "weight_decay": 0.0,  # of kernels; L2 in adam and sgd, else decoupled
                "clip_norm": 0.0,  # maximum global norm of the gradient
                "grad_accum_steps": 1,  # batches whose gradients are averaged for one update
            },
            "color_head": {  # colorization: how the color of a pixel is predicted
                "name": "mse",  # mse (a and b of CIELAB), bins (of a and b) or palette
                "predict_lightness": False,  # predict L too (for few gray levels); not with bins
                "palette_size": 128,  # maximum number of palette colors
                "temperature": 0.38,  # bins, palette: 1 is the mean, 0 the most likely color
                "rebalance_lambda": 0.5,  # bins: weight of the uniform distribution
            },
            "generation": {  # by flow matching; from guidance on, fields of sampling only
                "tileable": (),  # classes whose images repeat without a seam: they wrap around
                "layouts": 0,  # of training images per class, which generated ones follow; 0: none
                "label_dropout": 0.1,  # probability of training without the class, for guidance
                "time_mean": 0.0,  # of the logit of training times (0: noise, 1: image) …
                "time_std": 1.0,  # … and its standard deviation
                "guidance": 4.0,  # weight of the class; 1: as in the training images
                "sampler": "heun",  # euler or heun, which evaluates the network twice per step
                "steps": 12,  # of the sampler
                "layout_time": 0.9,  # how exactly layouts are followed: 0.5 to 1, without noise
                "palette": 0,  # colors of a generated image, chosen by k-means; 0: any
                "strength": 0.6,  # how far variations change an image: 0 not at all, 1 entirely
            },
            "degrade": {  # colorization: degradations of the gray input, in this order
                "gray_levels": 0,  # evenly spaced gray levels; 4 on a Game Boy
                "blur": 0.0,  # standard deviation of a Gaussian, in pixels
                "noise": 0.0,  # standard deviation of Gaussian noise, in units of white
                "jpeg": 0,  # JPEG quality, 1 to 100
            },
            "finetune": {  # stages: those of the model's `stages()`, from stem to head
                "freeze": (),  # names of frozen stages, as in ("stem", "stage1")
                "last_stages": 0,  # train only the last n stages, the head included; 0: all
                "stage_lrs": (),  # learning rates, the head's first; the last one repeats
                "layer_decay": 1.0,  # instead of stage_lrs: factor per stage, head to stem
                "unfreeze_epochs": (),  # first trained epochs, the head's first
                "freeze_bn": False,  # batch normalization uses the running statistics everywhere
            },
            "probe": {  # --mode=probe: fit a linear classifier on frozen features
                "method": "",  # ridge (closed form) or logistic; empty: ridge
                "maps": "",  # feature maps: all, names joined by +, or last (input of the head)
                "backgrounds": (),  # gray levels, 0 to 255: RGBA images are shown over each of them
                "l2": (1.0, 10.0, 100.0, 1e3, 1e4, 1e5),  # penalties, chosen by cross-validation …
                "folds": 5,  # … with this many folds of the training split
                "flip": True,  # also fit on the mirror images
                "cache_mb": 4096,  # bound on the features stored in data.root/features; 0: none
            },
            "tta": {  # test-time augmentation of the results; not used per epoch
                "flip": False,  # average the logits over the image and its mirror image
                "shift": 0,  # pixels: also average over copies shifted up, down, left and right
            },
            "inference": {  # what is measured and stored for the use of the finished run
                "whole_images": 100,  # colorization: held-out images to measure at their own size
                "neighbors": 5000,  # classification: training images to store the features of
                "thumbnails": 64,  # side in pixels of the stored copies of these images; 0: none
                "samples": 400,  # generation: images to generate and measure for the report
                "explanations": 6,  # classification: images to explain in the report, at most 8
            },
            "augment": {
                "random_crop": 0,  # side of a random square crop in pixels; 0: whole images
                "flip": 0.0,  # probability of a horizontal flip
                "pad_crop": 0.0,  # maximum shift in pixels, in both directions
                "rotate": 0.0,  # maximum angle in degrees, both ways
                "shear": 0.0,  # maximum angle in degrees, both ways
                "resized_crop": 0.0,  # minimum area fraction of a random resized crop
                "brightness": 0.0,  # strength s: a factor in [1 - s, 1 + s]
                "contrast": 0.0,  # strength, as above
                "saturation": 0.0,  # strength, as above
                "hue": 0.0,  # maximum rotation of the color circle in turns, up to 0.5
                "erase": 0.0,  # probability of erasing a rectangle
                "mixup": 0.0,  # alpha of the beta distribution
                "cutmix": 0.0,  # alpha of the beta distribution
                "label_smoothing": 0.0,  # probability mass spread evenly over all classes
            },
        }
    )


def data() -> dict:
    """The section `data`: which images, and how they become arrays.

    With model.pretrained, a classifier gets its images as its weights expect them: empty fields
    marked * take the values of the weights' `pretrained_cfg`, and config.json records them.
    """
    return {
        "name": "atari_frames",  # one of
        "path": "",  # folder of a data set that the user supplies
        "root": "data",  # folder of prepared data sets and caches
        "cache_mb": 16384,  # images are stored decoded up to this size, else decoded when read
        "size": (),  # (height, width) in pixels; (0, 0): unchanged; empty: (64, 64) *
        "channels": 3,  # 1 gray, 3 RGB, 4 RGBA
        "preprocess": "none",  # crop (to the box), denoise or super_resolution; joined by +
        "super_resolution": "",  # run directory of the upscaler for preprocess=super_resolution
        "crop_pct": 0.0,  # fraction of both sides kept by a center crop before the resize; 0: 1.0 *
        "resize_mode": "stretch",  # how other aspect ratios fit: stretch, crop or pad
        "interpolation": "",  # nearest, bilinear, bicubic, lanczos or box; empty: bilinear *
        "background": (0, 0, 0),  # RGB under transparent pixels
        # Classification: subtracted from images in [0, 1], then the divisor; one number, or one per
        # channel. Three numbers for a gray image repeat it as RGB.
        "mean": (),  # empty: (0.5,) *
        "std": (),  # empty: (0.25,) *
        "skip_broken": False,  # skip and list unusable images; False: stop at the first one
        "drop_leaks": False,  # drop training images with a near-duplicate in valid or test
        "valid_fraction": 0.1,  # validation fraction of a data set without its own split
        "test_fraction": 0.1,  # test fraction of a data set without its own split
        "split_seed": 0,  # of the random division into splits and folds
        "train_fraction": 1.0,  # of the training images, in whole groups; those of 0.1 are in 0.3
        "generated": "",  # class folders of generated images to train on, as by gv-jax generate
        "generated_ratio": 0.0,  # maximum number of them per training image; 0: all
        "folds": 0,  # cross-validation: split the training images into this many folds …
        "fold": 0,  # … and use this one, from 0, as valid; valid and test stay unused
        # Fields of one data set each:
        "atari_frames": {
            "games": (),  # names of games; empty: all
            "frames_per_game": 200,  # frames to keep
            "frame_stride": 15,  # emulator frames (1/60 s); odd, as sprites flicker in turns
            "seed": 0,  # of the random player
            "label": "game",  # game, or genre (whole games are held out)
            "test_only": (),  # games that occur only in the test split
            "clip_length": 1,  # consecutive frames kept from each new frame on
        },
        "image_folder": {
            "group_pattern": "",  # regular expression: its first group (...) names the split group
        },
        "unlabeled_folder": {},
        "n64_textures": {},
        "dungeon_tiles": {},
        "lego_minifigures": {},
        "game_covers": {
            "genres": (),  # genres in order of priority; empty: all, alphabetically
        },
        "simpsons": {
            "characters": (),  # folders of simpsons_dataset; empty: the published six, if present
        },
        "video_frames": {
            "videos": (),  # file names in data.path; empty: all
            "frame_stride": 58,  # frames of the video from one sample to the next
            "hold_out": "scenes",  # scenes (consecutive frames) or titles (whole videos)
            "scene_length": 50,  # samples per scene; at most a tenth of the video
            "gap": 5,  # samples dropped beside a held-out scene; fewer in short scenes
            "test_only": (),  # videos (names without suffix) that occur only in the test split
        },
        "frames_folder": {
            "title_pattern": "",  # regular expression: its first group (...) in a path is the title
            "hold_out": "scenes",  # scenes (consecutive images) or titles (whole ones)
            "scene_length": 50,  # images per scene; at most a tenth of the title
            "gap": 5,  # images dropped beside a held-out scene; fewer in short scenes
            "test_only": (),  # titles that occur only in the test split
        },
    }
