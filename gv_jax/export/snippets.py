"""Programs of a few lines that use an exported run, for its model card."""

from pathlib import Path
from typing import Any

import jax
from safetensors import safe_open

from gv_jax.export.function import make_image_function
from gv_jax.inference.classifier import ClassifierRun
from gv_jax.inference.generation.generator_run import GeneratorRun
from gv_jax.inference.generation.sampler import PARALLEL
from gv_jax.inference.run import Run
from gv_jax.models.diffusion.flow_inputs import REGION
from gv_jax.models.pooled_head import ALL, has_pooled_head

TORCHVISION_MODELS = {  # models that torchvision builds by this name
    name: name
    for name in (
        *("resnet18", "resnet34", "resnet50", "vgg16", "vgg16_bn"),
        *("squeezenet1_1", "efficientnet_v2_s", "inception_v3"),
    )
} | {"efficientnetv2_s": "efficientnet_v2_s"}


def load_section(run: Run, format_name: str, folder: Path) -> str:
    """The section on how to use the files.

    Args:
        run: The run.
        format_name: Of the export.
        folder: With its other files.
    """
    file = next((f for f in sorted(folder.iterdir()) if f.stem.startswith("model")), folder)
    write = {
        "safetensors": describe_safetensors,
        "stablehlo": describe_stablehlo,
        "onnx": describe_onnx,
        "web": describe_web,
    }[format_name]
    return f"## Use\n\n{write(run, file)}"


def describe_interface(run: Run) -> str:
    """Input and output of the function."""
    function = make_image_function(run)
    resize = ""
    if isinstance(run, ClassifierRun):
        data = run.config["data"]
        resize = (
            f" Images are resized before: resize_mode {data['resize_mode']!r}, interpolation "
            f"{data['interpolation']!r}, crop_pct {data['crop_pct']:g}."
        )
    text = f"Input: uint8 [{function.dimensions}], any batch size b.{resize}\n\n"
    return f"{text}Output: {function.output}.\n\n"


def example_shape(run: Run) -> str:
    dimensions = make_image_function(run).dimensions.replace("b", "2")
    return dimensions.replace("h", "48").replace("w", "64")


def code(*lines: str) -> str:
    return "\n".join(("```python", *lines, "```"))


def describe_stablehlo(run: Run, file: Path) -> str:
    program = code(
        "from pathlib import Path",
        "",
        "import jax",
        "import numpy as np",
        "",
        f'data = bytearray(Path("{file.name}").read_bytes())',
        "program = jax.export.deserialize(data)",
        f"images = np.zeros(({example_shape(run)}), np.uint8)  # your images",
        "print(program.call(images))",
    )
    return (
        f"{describe_interface(run)}A program for CPUs, NVIDIA GPUs and TPUs, written by JAX "
        f"{jax.__version__}. Later versions of JAX read it for at least six months, earlier ones "
        f"may not; for longer, keep the weights (`--format safetensors`).\n\n{program}\n\n"
        "Needs: `pip install jax flatbuffers`"
    )


def describe_onnx(run: Run, file: Path) -> str:
    program = code(
        "import numpy as np",
        "import onnxruntime",
        "",
        f'session = onnxruntime.InferenceSession("{file.name}")',
        f"images = np.zeros(({example_shape(run)}), np.uint8)  # your images",
        'print(session.run(None, {"images": images})[0])',
    )
    return (
        f"{describe_interface(run)}ONNX opset 18; the classes are in the metadata of the model.\n\n"
        f"{program}\n\nNeeds: `pip install onnxruntime`"
    )


def describe_web(run: Run, file: Path) -> str:
    return (
        "A page that runs in the browser: no image leaves the computer, and nothing is loaded from "
        "elsewhere. Serve this folder, because browsers do not let a page that was opened as a "
        "file read its model:\n\n"
        "```sh\npython -m http.server --bind 127.0.0.1 8000\n```\n\n"
        "and open http://127.0.0.1:8000. Any host of static files serves it too. `ort*` is "
        "onnxruntime-web (MIT)."
    )


def describe_safetensors(run: Run, file: Path) -> str:
    with safe_open(file, "numpy") as weights:
        naming: str = (weights.metadata() or {})["naming"]
    program = code(
        "from safetensors.numpy import load_file",
        "",
        f'weights = load_file("{file.name}")',
        "print({name: array.shape for name, array in weights.items()})",
    )
    axes = "a b in out" if naming == "gv_jax" else "out in a b"
    order = f"Names and order of axes are those of {naming}: kernels [{axes}]."
    return f"{order} {standardization(run)}\n\n{program}{torchvision_program(run, file)}"


def standardization(run: Run) -> str:
    if isinstance(run, GeneratorRun):
        return describe_velocity(run)
    if not isinstance(run, ClassifierRun):
        return "Images are in [0, 1]; see config.json for the rest of the preprocessing."
    data: dict[str, Any] = run.config["data"]
    mean, std = list(data["mean"]), list(data["std"])
    inputs = f"Inputs are images in [0, 1], minus {mean}, divided by {std}."
    return inputs + describe_pooled_head(run)


def describe_velocity(run: GeneratorRun) -> str:
    """Inputs and output of the network of a generator, and how images come from it."""
    height, width = run.generator.size
    section, task = run.section, run.generator.task
    method = section["sampler"].capitalize()
    shape = f"[n {height // REGION} {width // REGION} {task.channels}]"
    layouts = f"layouts {shape} and their times [n] (both 0)"
    if task.layouts is not None:
        time = section["layout_time"]
        layouts = (
            f"layouts {shape} and their times [n] "
            f"({time:g}; {time:g} of one of the class in `layouts` in config.json and "
            f"{1 - time:g} of normal noise; without a class 0 and 0; `layouts` are bytes of this "
            "shape in hexadecimal, by rows, of mean colors multiplied by alpha, 0 to 255 for -1 to "
            "1)"
        )
    return (
        f"The network predicts a velocity [n {height} {width} {task.channels}] from "
        f"noisy images of this shape, times [n] from 0 (noise) to 1 (image), classes [n] (their "
        f"index in config.json; {task.outputs}: no class), {layouts}, and whether each image "
        "repeats [n] (1: it does). Images are in [-1, 1], "
        "colors multiplied by alpha in [0, 1] before. To generate, begin with normal noise and "
        "integrate the velocity v over "
        f"the times: {section['steps']} steps of {method}'s method (the last one Euler's), with "
        f"v = v(class) + {section['guidance'] - 1:g} d, where d is v(class) - v(no class) with "
        f"{PARALLEL:g} times its part that is parallel to the premultiplied image in [0, 1] that "
        "v(class) leads to. "
        "The model is in `gv_jax/models/diffusion/`, the sampler in "
        "`gv_jax/inference/generation/sampler.py`."
    )


def describe_pooled_head(run: ClassifierRun) -> str:
    """What the network of a probe of feature maps does besides its backbone; "" for others."""
    probe: dict[str, Any] = run.config["probe"]
    maps, grays = probe.get("maps", ""), list(probe.get("backgrounds", ()))
    if not has_pooled_head(maps):
        return ""
    over = f" of the image over each of the gray levels {grays} (0 to 255)" if grays else ""
    names = "all feature maps" if maps == ALL else f"the feature maps {maps}"
    return (
        f" The classifier layer takes the means and the maxima over pixels of {names}{over}, "
        "concatenated map by map, minus `standardize.mean`, times `standardize.inverse_std`."
    )


def torchvision_program(run: Run, file: Path) -> str:
    """A second program, where torchvision has the very model."""
    name, section = TORCHVISION_MODELS.get(run.results["model"]), run.config["model"]
    fits = section.get("stem") in ("", "imagenet") and not section.get("last_stage")
    fits = fits and not has_pooled_head(run.config["probe"].get("maps", ""))
    if not isinstance(run, ClassifierRun) or run.channels != 3 or not name or not fits:
        return ""
    options = ", aux_logits=False, init_weights=False" if name == "inception_v3" else ""
    lines = code(
        "import torchvision",
        "from safetensors.torch import load_file",
        "",
        f"model = torchvision.models.{name}(num_classes={len(run.classes)}{options})",
        f'model.load_state_dict(load_file("{file.name}"))',
    )
    return f"\n\nIn PyTorch:\n\n{lines}"
