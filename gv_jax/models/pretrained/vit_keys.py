"""Key maps of vision transformers: timm's names, and DINOv2's own."""

from gv_jax.models.pretrained.layer_keys import KeyMap, StageKeyMaps, layer_norm_keys, weight_keys
from gv_jax.models.vit import NUM_STAGES, DinoV2, VisionTransformer

REGISTER_NAMES = ("register_tokens", "reg_token")  # DINOv2's own, and timm's


def vit_keys(model: VisionTransformer) -> list[StageKeyMaps]:
    """Of timm, and of DINOv2, which differ in the name of the registers."""
    names = REGISTER_NAMES if model.config.num_registers else ("",)
    return [vit_keys_with(model, name) for name in names]


def vit_keys_with(model: VisionTransformer, registers: str) -> StageKeyMaps:
    """The key map with this name of the registers, "" for none."""
    stem = weight_keys("patch_embed.proj", "patch_embed", bias=True)
    stem |= {"cls_token": "embedding.cls_token", "pos_embed": "embedding.pos_embed"}
    stem |= {registers: "embedding.registers"} if registers else {}
    maps, count = {"stem": stem}, model.config.depth // NUM_STAGES
    for index in range(model.config.depth):
        stage, place = divmod(index, count)
        keys = block_keys(model, f"blocks.{index}", f"stage_layers.{stage}.{place}")
        maps[f"stage{stage + 1}"] = maps.get(f"stage{stage + 1}", {}) | keys
    head = weight_keys("head", "head", bias=True)
    return maps | {"top": layer_norm_keys("norm", "norm"), "head": head}


def block_keys(model: VisionTransformer, source: str, target: str) -> KeyMap:
    keys: KeyMap = {}
    for norm in ("norm1", "norm2"):
        keys |= layer_norm_keys(f"{source}.{norm}", f"{target}.{norm}")
    for layer in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"):
        keys |= weight_keys(f"{source}.{layer}", f"{target}.{layer}", bias=True)
    if isinstance(model, DinoV2):
        keys |= {f"{source}.{name}.gamma": f"{target}.{name}.gamma" for name in ("ls1", "ls2")}
    return keys
