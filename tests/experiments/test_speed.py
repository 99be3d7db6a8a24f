"""The benchmark measures the project's own training step and says what its reference says."""

import jax

from benchmarks import population, speed


def test_a_case_gives_the_line_of_the_reference():
    with jax.numpy_dtype_promotion("standard"):  # Optax promotes integers itself
        line = speed.measure_case("sequential-32", warm_up=1, steps=2)
    assert (line["name"], line["batch"], line["parameters"]) == ("sequential-32", 128, 118_351)
    assert abs(line["images_per_second"] - 1e3 * 128 / line["ms"]) < 1


def test_members_together_take_as_many_pictures_each():
    with jax.numpy_dtype_promotion("standard"):
        assert population.vectorized_speed("sequential-32", 2, warm_up=1, steps=1) > 0
