"""A barrier that XLA:CPU does not fuse computations across."""

from jax import Array, lax


def fusion_barrier(images: Array, always_false: Array) -> Array:
    """`images`, computed once for all of its readers.

    XLA:CPU fuses the computation of an array into each of its readers. It thus repeats a chain of
    gathers for every neighbor and channel that a later gather reads: all augmentations together
    took 33 ms instead of 6 (128 images of 32x32x4). It removes `lax.optimization_barrier` before
    it fuses, but not a loop; this one has no iterations. Other platforms need no barrier.

    Args:
        images: Any array of numbers.
        always_false: A bool scalar that is false, unknown to the compiler.
    """

    def loop(images, always_false):
        return lax.while_loop(
            lambda carry: carry[1], lambda carry: (-carry[0], ~carry[1]), (images, always_false)
        )[0]

    return lax.platform_dependent(
        images, always_false, cpu=loop, default=lambda images, always_false: images
    )
