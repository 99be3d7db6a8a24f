"""Exported files compute what the run computes; what they say of themselves."""

import json
import shutil

import jax
import numpy as np
import pytest
from safetensors import safe_open

from gv_jax.export.card import describe_licenses
from gv_jax.export.export import FORMATS, export_run
from gv_jax.inference.run import load_run
from tests.export.conftest import NUM_TEST_IMAGES, change_results
from tests.export.images import smooth_images

TASKS = ["classification", "multi_label", "colorization", "super_resolution"]
SIZES = {"colorization": (21, 30), "super_resolution": (19, 33)}  # others: that of training
LEVEL = 1.001  # 8-bit results that lie between two levels may be rounded either way


def expected_outputs(path, images):
    run = load_run(path)
    if run.task in ("classification", "multi_label"):
        return run.predict(images).probabilities
    if run.task == "super_resolution":
        return np.stack([run.upscale(image) for image in images])
    return None


def images_for(task, count=2):
    return smooth_images(count, *SIZES.get(task, (16, 24)))


def compute(folder, format_name, images):
    if format_name == "stablehlo":
        (file,) = folder.glob("*.stablehlo")
        return np.asarray(jax.export.deserialize(bytearray(file.read_bytes())).call(images))
    session = pytest.importorskip("onnxruntime").InferenceSession(folder / "model.onnx")
    return session.run(None, {"images": images})[0]


@pytest.mark.parametrize("task", ["classification", "multi_label", "super_resolution"])
@pytest.mark.parametrize("format_name", ["stablehlo", "onnx"])
def test_files_compute_what_the_run_does(runs, tmp_path, task, format_name):
    folder = export_run(runs[task], format_name, tmp_path / "out")
    images = images_for(task, 3)
    outputs = compute(folder, format_name, images)
    expected = expected_outputs(runs[task], images)
    tolerance = {"stablehlo": 1e-5, "onnx": 1e-4}[format_name]
    if outputs.dtype == np.uint8:
        tolerance = LEVEL
        assert (outputs != expected).mean() < 1e-3
    np.testing.assert_allclose(outputs.astype(np.float64), expected, rtol=0, atol=tolerance)


def test_the_colorizer_is_that_of_the_run_at_the_scale_of_training(runs, tmp_path):
    images = images_for("classification")  # 16x24 pixels, as in the training of the run
    folder = export_run(runs["colorization"], "onnx", tmp_path / "onnx")
    colors = compute(folder, "onnx", images)
    run = load_run(runs["colorization"])
    expected = np.stack([run.colorize(image) for image in images])
    assert np.abs(colors.astype(int) - expected).max() <= 1
    folder = export_run(runs["colorization"], "stablehlo", tmp_path / "stablehlo")
    np.testing.assert_allclose(colors, compute(folder, "stablehlo", images), atol=LEVEL)
    other = images_for("colorization", 1)
    assert compute(folder, "stablehlo", other).shape == other.shape


@pytest.mark.parametrize("format_name", ["safetensors", "stablehlo", "onnx"])
@pytest.mark.parametrize("task", TASKS)
def test_the_folder_has_model_config_and_card(runs, tmp_path, task, format_name):
    folder = export_run(runs[task], format_name, tmp_path / "out")
    names = sorted(file.name for file in folder.iterdir())
    model = {
        "safetensors": "model.safetensors",
        "onnx": "model.onnx",
        "stablehlo": f"model-jax{jax.__version__}.stablehlo",
    }[format_name]
    assert names == sorted(["README.md", "config.json", model])
    config = json.loads((folder / "config.json").read_text())
    assert config["task"] == task
    card = (folder / "README.md").read_text()
    assert f"JAX {jax.__version__}" in card
    for heading in ("Use", "Data", "Results", "Intended use", "Limitations", "Licenses"):
        assert f"\n## {heading}\n" in card


def test_the_card_has_metrics_with_interval_and_baseline(runs, tmp_path):
    folder = export_run(runs["classification"], "onnx", tmp_path / "out")
    card = (folder / "README.md").read_text()
    row = next(line for line in card.splitlines() if line.startswith("| accuracy"))
    # Wilson's interval of 40 of 50, as statsmodels computes it
    assert [cell.strip() for cell in row.strip("|").split("|")][1:] == [
        "0.800 (0.670\N{EN DASH}0.888)",
        "0.400",
    ]
    assert "boxes" in card
    assert card.index("red, green, blue") < card.index("the classes above")
    assert "temperature 2" in card
    assert f"{NUM_TEST_IMAGES} images: its metrics are imprecise" in card
    assert "unknown; not recorded" in card


@pytest.mark.parametrize(
    ("record", "parts"),
    [
        ({"license": "mit"}, ["hub:timm/a.b", "mit"]),
        ({"license": "cc-by-nc-4.0"}, ["hub:timm/a.b", "cc-by-nc-4.0", "commercial use"]),
        (
            {"license": "other", "license_name": "own-license", "license_link": "https://a.b/c"},
            ["own-license", "https://a.b/c", "terms"],
        ),
        ({"license": "unknown"}, ["hub:timm/a.b", "unknown", "no card"]),
    ],
)
def test_the_card_has_the_license_of_the_initial_weights(runs, tmp_path, record, parts):
    run = tmp_path / "run"
    shutil.copytree(runs["classification"], run)
    change_results(run, weights={"source": "hub:timm/a.b", **record})
    (line,) = [line for line in describe_licenses(load_run(run)) if line.startswith("Initial")]
    assert all(part in line for part in parts)


def test_metadata_names_the_classes(runs, tmp_path):
    onnx = pytest.importorskip("onnx")
    folder = export_run(runs["classification"], "onnx", tmp_path / "onnx")
    entries = {entry.key: entry.value for entry in onnx.load(folder / "model.onnx").metadata_props}
    assert json.loads(entries["classes"]) == ["red", "green", "blue"]
    folder = export_run(runs["classification"], "safetensors", tmp_path / "safetensors")
    with safe_open(folder / "model.safetensors", "numpy") as file:
        metadata = file.metadata()
    assert json.loads(metadata["classes"]) == ["red", "green", "blue"]
    assert json.loads(metadata["config"])["model"]["name"] == "two_layer"


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("format_name", [name for name in FORMATS if name != "web"])
def test_the_program_of_the_card_runs_without_the_package(
    runs, tmp_path, run_without_package, task, format_name
):
    folder = export_run(runs[task], format_name, tmp_path / "out")
    card = (folder / "README.md").read_text()
    program = card.split("```python\n")[1].split("\n```")[0]
    assert run_without_package(program, folder).strip()


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classification", "multi_label", "colorization"])
def test_a_process_without_the_package_computes_the_same(runs, tmp_path, run_without_package, task):
    folder = export_run(runs[task], "stablehlo", tmp_path / "out")
    (file,) = folder.glob("*.stablehlo")
    images = images_for("classification")
    np.save(folder / "images.npy", images)
    run_without_package(
        "import jax, numpy as np\n"
        f"program = jax.export.deserialize(bytearray(open({file.name!r}, 'rb').read()))\n"
        "assert program.platforms == ('cpu', 'cuda', 'tpu')\n"
        "np.save('outputs.npy', program.call(np.load('images.npy')))\n",
        folder,
    )
    run = load_run(runs[task])
    if task == "colorization":
        expected, tolerance = np.stack([run.colorize(image) for image in images]), LEVEL
    else:
        expected, tolerance = run.predict(images).probabilities, 1e-5
    outputs = np.load(folder / "outputs.npy").astype(np.float64)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=tolerance)
