"""Each model by name: published parameter counts, output shapes, stages, and unknown names."""

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
MIN_SIZES = {"inception_v3": 75}  # pixels; those of the others are below the sizes tested here


def abstract(name, **options):
    """The model with shapes instead of weights."""
    return nnx.eval_shape(lambda: models.build(name, rngs=nnx.Rngs(0), **options))


def output_shape(name, shape, **options):
    """Shape and dtype of the outputs for images of `shape`; nothing is computed."""
    return jax.eval_shape(
        lambda x: models.build(name, rngs=nnx.Rngs(0), **options)(x),
        jax.ShapeDtypeStruct(shape, jnp.float32),
    )


@pytest.mark.parametrize(
    ("name", "options", "total", "num_statistics"),
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
        ("efficientnet_lite0", IMAGENET, 4_652_008 + 42_016, 42_016),  # timm's
        ("efficientnet_lite1", IMAGENET, 5_416_680 + 53_664, 53_664),
        ("efficientnet_lite2", IMAGENET, 6_092_072 + 58_096, 58_096),
        ("convnext_tiny", IMAGENET, 28_589_128, 0),
        ("convnext_small", IMAGENET, 50_223_688, 0),
        ("vit_tiny_patch16", IMAGENET, 5_717_416, 0),  # timm's
        ("vit_small_patch16", IMAGENET, 22_050_664, 0),
        ("vit_base_patch16", IMAGENET, 86_567_656, 0),
        # the published ones have a mask token [384] and no head
        ("dinov2_vits14", IMAGENET, 22_056_576 - 384 + 385_000, 0),
        ("dinov2_vits14_reg", IMAGENET, 22_058_112 - 384 + 385_000, 0),
        # the published 2-layer network: 3x3x3x16+16, 3x3x16x32+32, two norms, 63*85*32*6+6
        ("two_layer", {"inputs": 3, "classes": 6}, 448 + 4_640 + 96 + 1_028_166 + 96, 96),
        # the published Net: 1x9x64+64, 64x9x64+64 once, 64x64+64, 64x10+10
        ("shared_net", {"inputs": 1, "classes": 10}, 640 + 36_928 + 4_160 + 650, 0),
    ],
)
def test_parameter_counts_are_the_published_ones(name, options, total, num_statistics):
    assert count_params(abstract(name, **options)) == (total, total - num_statistics)


def test_small_stem_has_a_3x3_convolution_instead_of_7x7():
    for name in ("resnet18", "resnet34", "resnet50"):
        large, small = (
            count_params(abstract(name, **IMAGENET, stem=stem))[0] for stem in ("imagenet", "small")
        )
        assert large - small == (49 - 9) * 3 * 64


@pytest.mark.parametrize("name", models.CLASSIFIERS)
@pytest.mark.parametrize(("size", "channels"), [((32, 32), 4), ((42, 32), 3), ((37, 51), 1)])
def test_images_of_any_size_give_logits(name, size, channels):
    size = tuple(max(side, MIN_SIZES.get(name, 0)) for side in size)
    outputs = output_shape(name, (2, *size, channels), inputs=channels, classes=7, size=size)
    assert (outputs.shape, outputs.dtype) == ((2, 7), jnp.float32)


@pytest.mark.parametrize("name", models.MODELS)
def test_two_builds_have_equal_graphs_so_that_nothing_compiles_twice(name):
    one, two = (nnx.graphdef(abstract(name, **SMALL)) for _ in range(2))
    assert one == two
    assert hash(one) == hash(two)


@pytest.mark.parametrize("name", ["baseline", "resnet18"])
def test_training_and_evaluation_are_views_of_the_same_weights(name):
    model = models.build(name, **SMALL, rngs=nnx.Rngs(0))
    options = {"raise_if_not_found": False}
    training = nnx.view(model, deterministic=False, use_running_average=False, **options)
    evaluation = nnx.view(model, deterministic=True, use_running_average=True, **options)
    x = jax.random.normal(jax.random.key(0), (4, 32, 32, 4))
    apply = nnx.jit(lambda model, x: model(x))
    first, second = (np.asarray(apply(evaluation, x)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(np.asarray(apply(training, x)) - first).max() > 1e-3


def test_backbone_returns_its_named_feature_maps():
    def features(x):
        return models.build("resnet18", inputs=3, classes=10, rngs=nnx.Rngs(0)).features(x)

    maps = jax.eval_shape(features, jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32))
    assert {name: value.shape[1:] for name, value in maps.items()} == {
        "stem": (16, 16, 64),
        "stage1": (16, 16, 64),
        "stage2": (8, 8, 128),
        "stage3": (4, 4, 256),
        "stage4": (2, 2, 512),
    }


@pytest.mark.parametrize(
    ("name", "side"),
    [("vgg16", 31), ("squeezenet1_1", 16), ("inception_v3", 74), ("convnext_tiny", 31)],
)
def test_error_for_images_that_are_too_small_names_both_sizes(name, side):
    assert models.model_class(name).min_size == side + 1
    assert output_shape(name, (1, side + 1, side + 2, 3), **IMAGENET).shape == (1, 1000)
    with pytest.raises(UserError, match=rf"{side + 1}x{side + 1}.*{side}x{side + 1}.*data\.size"):
        output_shape(name, (1, side, side + 1, 3), **IMAGENET)


def test_error_for_images_that_a_flattening_network_pools_away():
    with pytest.raises(UserError, match=r"side of 5.*7x7.*config\.data\.size"):
        abstract("baseline", inputs=3, classes=5, size=(32, 17))


@pytest.mark.parametrize(
    "name", [name for name in models.CLASSIFIERS if "last_stage" in models.model_options(name)]
)
def test_last_stage_leaves_out_later_stages(name):
    all_stages = abstract(name, **IMAGENET).stages()
    *names, _ = all_stages
    for last in (names[0], names[-2]):
        model = abstract(name, inputs=3, classes=5, last_stage=last)
        stages = model.stages()
        head = stages.pop("head")
        assert stages == {stage: all_stages[stage] for stage in names[: names.index(last) + 1]}
        assert head[-1:] == all_stages["head"][-1:]
    with pytest.raises(UserError, match="'stage9'"):
        abstract(name, **IMAGENET, last_stage="stage9")


@pytest.mark.parametrize("name", models.CLASSIFIERS)
def test_each_weight_is_in_one_stage_and_stages_are_those_of_the_feature_maps(name):
    model = abstract(name, **SMALL)
    stages = model.stages()
    prefixes = [path for paths in stages.values() for path in paths]
    graph, variables, rest = nnx.split(model, (nnx.Param, nnx.BatchStat), ...)
    for path, _ in nnx.to_flat_state(variables):
        dotted = ".".join(map(str, path))
        assert sum(f"{dotted}.".startswith(f"{prefix}.") for prefix in prefixes) == 1, dotted

    names = []  # eval_shape returns dictionaries in sorted order

    def append_names(variables, rest, x):
        names.extend(nnx.merge(graph, variables, rest).features(x))

    side = MIN_SIZES.get(name, 32)
    x = jax.ShapeDtypeStruct((1, side, side, 4), jnp.float32)
    jax.eval_shape(append_names, variables, rest, x)
    assert [*names, "head"] == list(stages)


def test_only_networks_that_flatten_have_a_fixed_size():
    names = [name for name in models.MODELS if models.has_fixed_size(name)]
    assert names == ["baseline", "sequential", "two_layer"]


@pytest.mark.parametrize(
    ("name", "options", "values"),
    [
        ("resnet43", {}, "'resnet43'.*'resnet34'"),
        ("baseline", {"stem": "small"}, "'baseline'.*'stem'.*dropout"),
        ("resnet18", {"stem": "smal"}, "'smal'.*'small'"),
    ],
)
def test_error_for_unknown_names_suggests_valid_ones(name, options, values):
    with pytest.raises(UserError, match=values):
        models.build(name, **SMALL, rngs=nnx.Rngs(0), **options)
