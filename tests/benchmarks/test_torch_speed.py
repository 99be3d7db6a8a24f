"""The networks in PyTorch are those of the project, and their steps run."""

from dataclasses import replace

import jax
import pytest
from flax import nnx

from benchmarks.cases import CASES, PREDICTION, REGRESSION, Case
from benchmarks.speed_case import build_case_model
from gv_jax.models.summary import count_params

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
torch_models = pytest.importorskip("benchmarks.torch_models")
torch_speed = pytest.importorskip("benchmarks.torch_speed")

EVALUATION = {"deterministic": True, "use_running_average": True, "raise_if_not_found": False}


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


SMALL = {"baseline", "sequential", "two_layer", "resnet18", "alpha", "unet", "ninasr_b0"}
TRAININGS = [
    pytest.param(name, marks=() if case.model in SMALL else pytest.mark.slow)
    for name, case in CASES.items()
    if case.kind != PREDICTION
]


@pytest.mark.parametrize("name", TRAININGS)
def test_both_networks_have_as_many_parameters_and_equal_outputs_in_shape(name):
    case = CASES[name]
    model = nnx.eval_shape(lambda: build_case_model(case))
    with torch.device("meta"):
        network = torch_models.build_network(case).eval()
        outputs = network(torch.empty(2, case.channels, case.height, case.width))
    assert torch_models.count_trainable(network) == count_params(model)[1]
    images = jax.ShapeDtypeStruct((2, case.height, case.width, case.channels), "float32")
    graph, state = nnx.split(nnx.view(model, **EVALUATION))
    shape = jax.eval_shape(lambda state, x: nnx.merge(graph, state)(x), state, images).shape
    assert tuple(outputs.shape) == (*shape[:1], *shape[-1:], *shape[1:-1])


@pytest.mark.parametrize(
    "case",
    [
        Case("two_layer", 4, 8, 8, 3, 5),
        Case("alpha", 2, 17, 9, 1, 2, REGRESSION, "mse", tanh=True),
        Case("unet", 2, 17, 18, 1, 2, REGRESSION, "mse", tanh=True),
        Case("ninasr_b0", 2, 24, 20, 3, 3, REGRESSION, "mae"),
        Case("two_layer", 4, 8, 8, 3, 5, PREDICTION),
    ],
    ids=lambda case: f"{case.model}-{case.kind}",
)
@pytest.mark.usefixtures("one_thread")
def test_a_step_of_every_kind_is_measured(case):
    measurement = torch_speed.measure_case(case, compiled=False, warm_up=0, steps=1)
    line = measurement.to_json("x", case)
    assert line["images_per_second"] > 0
    assert line["compile_s"] == 0
    assert line["fraction_of_peak"] is None


@pytest.mark.usefixtures("one_thread")
def test_training_reduces_the_loss():
    case = replace(CASES["two_layer-255x342"], batch=4, height=8, width=8)
    torch.manual_seed(0)
    network = torch_models.build_network(case)
    step = torch_speed.make_training(case, network, network, "cpu")
    losses = [step() for _ in range(60)]
    assert sum(losses[-10:]) < sum(losses[:10])
