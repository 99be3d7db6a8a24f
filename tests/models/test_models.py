"""Every model by name: published parameter counts, the shapes that come out, and what a wrong name says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax import models
from gv_jax.errors import UserError
from gv_jax.models.summary import count_params

SMALL = {"inputs": 4, "classes": 15, "size": (32, 32)}
IMAGENET = {"inputs": 3, "classes": 1000}
SMALLEST = {"inception_v3": 75}  # pixels; the others take less than is tried here


def shapes(name, **options):
    """The model with shapes in place of weights."""
    return nnx.eval_shape(lambda: models.build(name, rngs=nnx.Rngs(0), **options))


@pytest.mark.parametrize(
    ("name", "options", "total", "statistics"),
    [
        ("baseline", SMALL, 296_463, 0),  # the texture project's printed summaries
        ("sequential", SMALL, 118_351, 0),
        ("resnet34", SMALL, 21_312_527, 17_024),
        ("resnet18", IMAGENET, 11_689_512 + 9_600, 9_600),  # torchvision counts no statistics
        ("resnet34", IMAGENET, 21_797_672 + 17_024, 17_024),
        ("resnet50", IMAGENET, 25_557_032 + 53_120, 53_120),
        ("vgg16", IMAGENET, 138_357_544, 0),
        ("vgg16_bn", IMAGENET, 138_365_992 + 8_448, 8_448),
        ("squeezenet1_1", IMAGENET, 1_235_496, 0),
        ("inception_v3", IMAGENET, 23_834_568 + 34_432, 34_432),
        ("efficientnetv2_s", IMAGENET, 21_458_488 + 153_872, 153_872),
        # the published 2-layer network: 3x3x3x16+16, 3x3x16x32+32, two norms, 63*85*32*6+6
        ("two_layer", {"inputs": 3, "classes": 6}, 448 + 4_640 + 96 + 1_028_166 + 96, 96),
        # the published Net: 1x9x64+64, 64x9x64+64 once, 64x64+64, 64x10+10
        ("shared_net", {"inputs": 1, "classes": 10}, 640 + 36_928 + 4_160 + 650, 0),
    ],
)
def test_parameter_counts_are_the_published_ones(name, options, total, statistics):
    assert count_params(shapes(name, **options)) == (total, total - statistics)


def test_small_stem_has_a_3x3_convolution_instead_of_7x7():
    for name in ("resnet18", "resnet34", "resnet50"):
        large, small = (
            count_params(shapes(name, **IMAGENET, stem=stem))[0] for stem in ("imagenet", "small")
        )
        assert large - small == (49 - 9) * 3 * 64


@pytest.mark.parametrize("name", models.CLASSIFIERS)
@pytest.mark.parametrize(("size", "channels"), [((32, 32), 4), ((42, 32), 3), ((37, 51), 1)])
def test_pictures_of_many_sizes_become_logits(name, size, channels):
    size = tuple(max(side, SMALLEST.get(name, 0)) for side in size)

    def outputs_for(x):
        return models.build(name, inputs=channels, classes=7, size=size, rngs=nnx.Rngs(0))(x)

    outputs = jax.eval_shape(outputs_for, jax.ShapeDtypeStruct((2, *size, channels), jnp.float32))
    assert (outputs.shape, outputs.dtype) == ((2, 7), jnp.float32)


@pytest.mark.parametrize("name", models.MODELS)
def test_two_builds_are_one_graph_so_that_nothing_compiles_twice(name):
    one, two = (nnx.graphdef(shapes(name, **SMALL)) for _ in range(2))
    assert one == two
    assert hash(one) == hash(two)


@pytest.mark.parametrize("name", ["baseline", "resnet18"])
def test_training_and_evaluation_are_two_views_of_the_same_weights(name):
    model = models.build(name, **SMALL, rngs=nnx.Rngs(0))
    switch = {"raise_if_not_found": False}
    training = nnx.view(model, deterministic=False, use_running_average=False, **switch)
    evaluation = nnx.view(model, deterministic=True, use_running_average=True, **switch)
    x = jax.random.normal(jax.random.key(0), (4, 32, 32, 4))
    call = nnx.jit(lambda model, x: model(x))
    calm = [np.asarray(call(evaluation, x)) for _ in range(2)]
    np.testing.assert_array_equal(*calm)
    assert np.abs(np.asarray(call(training, x)) - calm[0]).max() > 1e-3


def test_trunk_gives_its_named_feature_maps():
    def maps_of(x):
        return models.build("resnet18", inputs=3, classes=10, rngs=nnx.Rngs(0)).features(x)

    maps = jax.eval_shape(maps_of, jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32))
    assert {name: value.shape[1:] for name, value in maps.items()} == {
        "stem": (16, 16, 64),
        "stage1": (16, 16, 64),
        "stage2": (8, 8, 128),
        "stage3": (4, 4, 256),
        "stage4": (2, 2, 512),
    }


@pytest.mark.parametrize(
    ("name", "side"), [("vgg16", 31), ("squeezenet1_1", 16), ("inception_v3", 74)]
)
def test_pictures_that_are_too_small_are_told_the_smallest_size(name, side):
    def outputs_for(side):
        x = jax.ShapeDtypeStruct((1, side, side + 1, 3), jnp.float32)
        return jax.eval_shape(lambda x: models.build(name, **IMAGENET, rngs=nnx.Rngs(0))(x), x)

    assert outputs_for(side + 1).shape == (1, 1000)
    with pytest.raises(
        UserError, match=f"{side}x{side + 1} are too small for .*: give it {side + 1}x{side + 1} or"
    ):
        outputs_for(side)


@pytest.mark.parametrize(
    "name", [name for name in models.CLASSIFIERS if "last_stage" in models.model_options(name)]
)
def test_later_stages_are_left_out_and_the_head_stands_on_the_one_named(name):
    whole = shapes(name, **IMAGENET).parts()
    *stages, _ = whole
    for last in (stages[0], stages[-2]):
        model = shapes(name, inputs=3, classes=5, last_stage=last)
        kept = stages[: stages.index(last) + 1]
        assert model.parts() == {stage: whole[stage] for stage in [*kept, "head"]}
    with pytest.raises(UserError, match="no stage is called 'stage9'"):
        shapes(name, **IMAGENET, last_stage="stage9")


@pytest.mark.parametrize("name", models.CLASSIFIERS)
def test_every_weight_belongs_to_one_stage_and_stages_are_those_of_the_maps(name):
    model = shapes(name, **SMALL)
    parts = model.parts()
    prefixes = [path for paths in parts.values() for path in paths]
    for path, _ in nnx.to_flat_state(nnx.state(model, (nnx.Param, nnx.BatchStat))):
        dotted = ".".join(map(str, path))
        assert sum(f"{dotted}.".startswith(f"{prefix}.") for prefix in prefixes) == 1, dotted

    def names_of(x):
        names.extend(models.build(name, **SMALL, rngs=nnx.Rngs(0)).features(x))

    names = []  # a dictionary that eval_shape gives back has lost its order
    side = SMALLEST.get(name, 32)
    jax.eval_shape(names_of, jax.ShapeDtypeStruct((1, side, side, 4), jnp.float32))
    assert [*names, "head"] == list(parts)


@pytest.mark.parametrize(
    ("name", "options", "answer"),
    [
        ("resnet43", {}, "did you mean 'resnet34'"),
        ("baseline", {"stem": "small"}, "'baseline' has no option 'stem'"),
        ("resnet18", {"stem": "smal"}, "did you mean 'small'"),
    ],
)
def test_wrong_names_are_told_the_right_ones(name, options, answer):
    with pytest.raises(UserError, match=answer):
        models.build(name, **SMALL, rngs=nnx.Rngs(0), **options)
