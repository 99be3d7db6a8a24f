"""Whole runs that fine-tune modern backbones from weights in timm's names."""

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from gv_jax import experiment, models
from gv_jax.export.export import export_run
from gv_jax.export.weights import to_state_dict
from gv_jax.inference.run import load_run
from gv_jax.models.pretrained.key_maps import KEY_MAPS
from tests.export.networks import random_network
from tests.runs.runs import make_small_config, read_checkpoint, read_results

pytestmark = pytest.mark.slow

PATCH_EMBEDDINGS = {"vit_tiny_patch16": "patch_embed", "convnext_tiny": "stage_layers.0.0.conv"}
TIMM_NAMES = {"vit_tiny_patch16": "patch_embed.proj.weight", "convnext_tiny": "stem.0.weight"}


def timm_state_dict(name):
    """Random weights of a network for 3 classes in timm's names."""
    network, weights = random_network(name, 3)
    tensors, _ = to_state_dict(network, weights)
    model = nnx.eval_shape(lambda: models.build(name, inputs=3, classes=3, rngs=nnx.Rngs(0)))
    all_keys = [
        {target: source for keys in maps.values() for source, target in keys.items()}
        for maps in KEY_MAPS[type(model)](model)
    ]
    (given,) = [keys for keys in all_keys if set(keys.values()) == set(tensors)]
    (timm,) = [keys for keys in all_keys if TIMM_NAMES[name] in keys.values()]
    return {timm[target]: tensors[source] for target, source in given.items()}


@pytest.fixture(scope="module", params=list(PATCH_EMBEDDINGS))
def finished(request, shapes, tmp_path_factory):
    """A finished run: the name of its model, the initial weights, and its directory."""
    base = tmp_path_factory.mktemp(request.param)
    tensors = timm_state_dict(request.param)
    save_file(tensors, base / "weights.safetensors")
    fields = {
        "data.size": (32, 48),
        "data.crop_pct": 1.0,
        "model.name": request.param,
        "model.pretrained": str(base / "weights.safetensors"),
        "optimizer.learning_rate": 1e-3,
        "finetune.stage_lrs": (1e-3, 1e-4),
        "finetune.freeze": ("stem",),
        "train.epochs": 1,
        "train.steps_per_epoch": 2,
        "inference.explanations": 0,
        "inference.neighbors": 0,
    }
    experiment.run(make_small_config(shapes, base / "data", **fields), base / "run")
    return request.param, tensors, base / "run"


def test_a_frozen_stem_stays_and_other_stages_are_trained(finished):
    name, tensors, run = finished
    _, best = read_checkpoint(run, "best")
    leaves = dict(jax.tree.leaves_with_path(best["params"]))
    arrays = {".".join(key.key for key in path): leaf for path, leaf in leaves.items()}
    kernel = arrays[f"{PATCH_EMBEDDINGS[name]}.kernel"]
    np.testing.assert_array_equal(kernel.transpose(3, 2, 0, 1), tensors[TIMM_NAMES[name]])
    head = "head.weight" if "vit" in name else "head.fc.weight"
    assert np.abs(arrays["head.kernel"] - tensors[head].T).max() > 1e-4
    parameters = read_results(run)["parameters"]
    assert parameters["trainable"] < parameters["total"]


def test_predictions_are_explained(finished):
    _, _, run = finished
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    explanation = load_run(run).explain(image, "grad_cam")
    assert np.isfinite(explanation.map).all()
    assert explanation.map.max() > explanation.map.min()


@pytest.mark.parametrize("format_name", ["onnx", "stablehlo"])
def test_exports_compute_what_the_run_predicts(finished, tmp_path, format_name):
    _, _, path = finished
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)
    expected = load_run(path).predict(images).probabilities
    assert np.abs(expected[0] - expected[1]).max() > 1e-4
    folder = export_run(path, format_name, tmp_path / "out")
    if format_name == "stablehlo":
        (file,) = folder.glob("*.stablehlo")
        outputs = np.asarray(jax.export.deserialize(bytearray(file.read_bytes())).call(images))
    else:
        session = pytest.importorskip("onnxruntime").InferenceSession(folder / "model.onnx")
        outputs = session.run(None, {"images": images})[0]
    np.testing.assert_allclose(outputs, expected, atol=1e-4)
