"""Key maps of single layers: {source name: target path}."""

KeyMap = dict[str, str]
StageKeyMaps = dict[str, KeyMap]


def weight_keys(source: str, target: str, *, bias: bool = False) -> KeyMap:
    """A convolution or a linear layer."""
    keys = {f"{source}.weight": f"{target}.kernel"}
    return keys | {f"{source}.bias": f"{target}.bias"} if bias else keys


def norm_keys(source: str, target: str) -> KeyMap:
    """A batch normalization."""
    pairs = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}
    return {f"{source}.{key}": f"{target}.{variable}" for key, variable in pairs.items()}


def layer_norm_keys(source: str, target: str) -> KeyMap:
    """A layer normalization."""
    return {f"{source}.weight": f"{target}.scale", f"{source}.bias": f"{target}.bias"}
