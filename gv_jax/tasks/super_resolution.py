"""Images at twice their size."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from gv_jax.errors import UserError
from gv_jax.image.metrics import mse, mse_to_psnr, ssim
from gv_jax.image.resample import downsample_2x, quantize_8bit, upsample_2x
from gv_jax.training.task import Batch


@dataclass(frozen=True)
class SuperResolution:
    """Pictures at twice their size: told a picture that was halved, the network should answer the original.

    Halved is antialiased bicubic, in 8 bits; it is done to what augmentation made of the original, so that both are
    changed alike. Loss: the mean absolute difference, of pictures in [0, 1]. Scores are of answers in 8 bits.
    """

    monitor: tuple[str, str] = ("psnr", "max")

    def unpack(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images = batch["image"].astype(jnp.float32) / 255.0  # [n h w c]
        return images, jnp.zeros((len(images), 0))  # no labels: the target is the picture itself

    def encode(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        _, h, w, _ = images.shape
        if h % 2 or w % 2:
            raise UserError(
                f"pictures of {h}x{w} cannot be halved: choose even sides with --config.data.size=(HEIGHT,WIDTH) "
                "and --config.augment.random_crop"
            )
        return downsample_2x(images), images

    def scores(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        return {
            "loss": jnp.abs(outputs - targets).mean((1, 2, 3)),
            "psnr": mse_to_psnr(mse(quantize_8bit(outputs), targets)),
        }

    def record(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        """Loss and likeness of every answer, and of the bicubic enlargement that it is measured against, each [n]."""
        record = {}
        for name, pictures in (("", outputs), ("baseline_", upsample_2x(downsample_2x(targets)))):
            shown = quantize_8bit(pictures)
            error = mse(shown, targets)
            found = {"mse": error, "psnr": mse_to_psnr(error), "ssim": ssim(shown, targets)}
            found["loss"] = jnp.abs(pictures - targets).mean((1, 2, 3))
            record |= {name + key: value for key, value in found.items()}
        return record
