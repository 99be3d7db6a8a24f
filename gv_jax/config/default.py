"""Every field of a run, its default and its unit. A run's own file is this and what differs.

0 (or an empty text) switches an option off unless its line says otherwise.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """The configuration that every other file starts from."""
    return ConfigDict(
        {
            "seed": 0,  # of weights, batches, augmentation and dropout
            "task": "classification",  # a name in gv_jax.tasks.registry.TASKS
            "data": data(),
            "model": {
                "name": "baseline",  # a name in gv_jax.models.MODELS
                "stem": "",  # of a ResNet: imagenet (7x7/2, pooling) or small (3x3); the model's own where empty
                "dropout": -1.0,  # share of units dropped before the last layers; the model's own where negative
                "last_stage": "",  # of a trunk: the stage its head stands on, later ones left out; the last where empty
                "classifier": "",  # of fusion: whose weights `pretrained` are, and stay; resnet18 where empty
                "pretrained": "",  # weights to start from: a .safetensors or .npz in PyTorch's names, or hub:OWNER/NAME
                "pretrained_without": (
                    "head",
                ),  # of a classifier: stages that start anew, whatever the file holds
                "dtype": "float32",  # what the network computes in: float32, or bfloat16 on a GPU or TPU
            },
            "train": {
                "batch_size": 128,  # pictures, over all devices
                "epochs": 20,
                "sampling": "shuffled",  # every picture once a pass; balanced: drawn, every class equally often
                "steps_per_epoch": 0,  # batches that count as one epoch; one pass over the training split where 0
                "valid_batches": 0,  # batches of the validation split looked at after an epoch; all where 0
                "ema": 0.0,  # decay per step of a moving average of the weights, which is then what is evaluated
                "select": "best",  # weights reported: best (epoch on the validation split, the last of equals) or last
                "report_epochs": (),  # epochs, from 1, whose scores results.json and the report list by themselves
                "patience": 0,  # epochs without a better validation score after which training stops early
                "checkpoint_seconds": 30.0,  # at least so long between two checkpoints; 0: one after every epoch
                "device_cache_mb": 2048,  # data sets up to this size stay on the device; others stream from disk
            },
            "loss": {  # of training; validation and results are of the plain loss
                "class_weights": "",  # of classes of n training pictures: inverse (1/n) or inverse_sqrt (1/sqrt n), mean 1
                "focal": 0.0,  # gamma of the focal loss: answers that are sure and right count less
                "logit_adjustment": 0.0,  # tau: times log shares of the classes, added to logits in training only
            },
            "optimizer": {
                "name": "adamw",  # adam, adamw or sgd
                "learning_rate": 1e-3,  # the highest of the schedule
                "schedule": "one_cycle",  # constant, cosine, one_cycle or step
                "warmup_epochs": 0.0,  # linear rise to the learning rate before a constant, cosine or step schedule
                "step_milestones": (
                    0.5,
                    0.75,
                ),  # of a step schedule: shares of the training at which the rate …
                "step_gamma": 0.1,  # … is multiplied by this
                "momentum": 0.9,  # of sgd
                "weight_decay": 0.0,  # not on norms and biases; decoupled in adamw, L2 in adam and sgd
                "clip_norm": 0.0,  # largest global norm of a gradient
                "grad_accum_steps": 1,  # batches whose gradients are averaged for one update
            },
            "color_head": {  # of colorization: how the colour of a pixel is answered
                "name": "mse",  # mse (a and b of CIELAB), bins (of these) or palette (colours of the training pictures)
                "predict_lightness": False,  # also predict L (useful with few gray levels); not possible with bins
                "palette_size": 128,  # colours at most: all that there are, or else those that stand for them
                "temperature": 0.38,  # of bins and palette: their mean (1), a sharper one, or the likeliest one (0)
                "rebalance_lambda": 0.5,  # of bins: share of the uniform distribution in what rare ones are weighed by
            },
            "degrade": {  # what the grey pictures of colorization go through, in this order
                "gray_levels": 0,  # shades that are left, evenly spaced: 4 on a Game Boy
                "blur": 0.0,  # standard deviation of a Gaussian, in pixels
                "noise": 0.0,  # standard deviation of Gaussian noise, as a share of white
                "jpeg": 0,  # quality of JPEG compression, 1 to 100
            },
            "finetune": {  # stages: as `parts` of the model names them, from stem to head
                "freeze": (),  # names of stages that never learn and keep their statistics, as in ("stem", "stage1")
                "last_stages": 0,  # so many of the last stages learn, the head among them, and no others; all where 0
                "stage_lrs": (),  # learning rates of the last stages, the head's first; the last number for those before
                "layer_decay": 1.0,  # in their place: each stage learns so many times as fast as the next one
                "unfreeze_epochs": (),  # epochs from which on the last stages learn, the head's first; the last number likewise
                "freeze_bn": False,  # batch normalisation uses and keeps the stored statistics everywhere
            },
            "probe": {  # --mode=probe: no training by steps, no finetune; only a new last layer, on features that stay
                "method": "",  # ridge (closed form) or logistic; --mode=probe takes ridge where empty
                "l2": (
                    0.1,
                    1.0,
                    10.0,
                    100.0,
                    1e3,
                    1e4,
                ),  # of which the best is found by cross-validation …
                "folds": 5,  # … in so many parts of the training split
                "flip": True,  # learns from the mirror image of every picture too
            },
            "tta": {  # test-time augmentation of results; epochs are validated, and the best chosen, without it
                "flip": False,  # answers (logits) are means over the picture and its mirror image
                "shift": 0,  # pixels: and over the picture moved so far up, down, left and right
            },
            "augment": {
                "random_crop": 0,  # side in pixels of a square cut from every training image; whole images where 0
                "flip": 0.0,  # probability of a left-right mirror image
                "pad_crop": 0.0,  # pixels of shift at most, in both directions
                "rotate": 0.0,  # degrees at most, both ways
                "shear": 0.0,  # degrees at most, both ways
                "resized_crop": 0.0,  # smallest share of the area that a crop may have before it is resized
                "brightness": 0.0,  # strength: a factor between 1 - s and 1 + s
                "contrast": 0.0,  # strength, likewise
                "saturation": 0.0,  # strength, likewise
                "hue": 0.0,  # strength: turns of the colour circle at most, up to 0.5
                "erase": 0.0,  # probability of a rectangle of one random colour
                "mixup": 0.0,  # alpha of the beta distribution
                "cutmix": 0.0,  # alpha of the beta distribution
                "label_smoothing": 0.0,  # share of the target spread evenly over all classes
            },
        }
    )


def data() -> dict:
    """Which pictures, and how they become arrays.

    A classifier that starts from model.pretrained is given pictures as its weights were: what is left empty of the
    fields marked * comes from their card, and config.json of the run says what that was.
    """
    return {
        "name": "atari_frames",  # a name in gv_jax.data.builders.DATASETS
        "path": "",  # folder of a data set that the user supplies
        "root": "data",  # folder where prepared data sets and caches are kept
        "size": (),  # height, width in pixels that pictures are resized to; (0, 0): as they are; (64, 64) where empty *
        "channels": 3,  # 1 grey, 3 RGB, 4 RGBA
        "preprocess": "none",  # crop (to the box), denoise, super_resolution (twice the size), or as crop+denoise
        "super_resolution": "",  # folder of the run whose network enlarges, where preprocess says so
        "crop_pct": 0.0,  # share of both sides that is cut from the middle before the resize; 1.0, all of it, where 0 *
        "resize_mode": "stretch",  # how a picture of another shape fits: stretch, crop or pad
        "interpolation": "",  # nearest, bilinear, bicubic, lanczos or box; bilinear where empty *
        "background": (0, 0, 0),  # RGB that transparent pixels get
        # Of classification: subtracted from pictures in [0, 1], and then divided by: one number, or one per channel.
        # With three for a grey picture it is given to the network three times, as RGB.
        "mean": (),  # (0.5,) where empty *
        "std": (),  # (0.25,) where empty *
        "skip_broken": False,  # leave out and list pictures that cannot be used, instead of stopping at the first
        "drop_leaks": False,  # leave out of training what is in valid or test too, the same or nearly the same
        "valid_fraction": 0.1,  # share of the pictures for validation where the data set has no split of its own
        "test_fraction": 0.1,  # share of the pictures for the test, likewise
        "split_seed": 0,
        "folds": 0,  # the training split in so many parts, of which one is "valid" and nothing else is held out …
        "fold": 0,  # … namely this one, from 0: to choose settings without a look at the validation and test splits
        # What only one data set takes:
        "atari_frames": {
            "games": (),  # names of games; every game of the table where empty
            "frames_per_game": 200,  # frames kept
            "frame_stride": 15,  # every so many-th emulator frame (1/60 s) may be kept; odd, as many games draw in turns
            "seed": 0,  # of the agent that plays
            "label": "game",  # game, or genre: then whole games are held out
            "test_only": (),  # games that are in the test only; the others are then in train and valid
            "clip_length": 1,  # frames in a row, `every` apart, that are kept from each on that is new: alike or not
        },
        "image_folder": {
            "group_pattern": "",  # regular expression: its first group (...) in a file name says what belongs together
        },
        "n64_textures": {},
        "dungeon_tiles": {},
        "lego_minifigures": {},
        "game_covers": {
            "genres": (),  # that are taken, in the order of their priority; all, in alphabetical order, where empty
        },
        "simpsons": {
            "characters": (),  # folders of simpsons_dataset; of the published project's six those there where empty
        },
        "video_frames": {
            "videos": (),  # names of files in the folder data.path; all there where empty
            "frame_stride": 58,  # frames of the video from one that is looked at to the next
            "hold_out": "scenes",  # scenes (frames in a row) of every video, or titles: whole videos
            "scene_length": 50,  # frames looked at that go to one split together; a tenth of the video if that is less
            "gap": 5,  # frames looked at beside a held-out scene that are left out; in shorter scenes fewer
            "test_only": (),  # videos (names without suffix) that are in the test only
        },
        "frames_folder": {
            "title_pattern": "",  # regular expression: its first group (...) in a path without suffix is the title
            "hold_out": "scenes",  # scenes (frames in a row) of every title, or titles: whole ones
            "scene_length": 50,  # pictures in a row that go to one split together; a tenth of the title if that is less
            "gap": 5,  # pictures beside a held-out scene that are left out; in shorter scenes fewer
            "test_only": (),  # titles that are in the test only
        },
    }
