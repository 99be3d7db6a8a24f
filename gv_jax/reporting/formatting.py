"""How names and numbers of results are written for people."""

from typing import Any

FRACTIONS = {
    "accuracy",
    "precision",
    "recall",
    "f1",
    "share",
    "ece",
    "confidence",
}  # last words of names of shares of 1
ACRONYMS = {
    "top5": "top-5",
    "f1": "F1",
    "ece": "ECE",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "mse": "MSE",
    "mae": "MAE",
    "ciede2000": "CIEDE2000",
}
LOWER_IS_BETTER = {
    "loss",
    "mse",
    "mae",
    "ece",
    "error",
    "ciede2000",
    "flicker",
}  # last words of names that are better the lower
UNIT_SUFFIXES = {
    "s",
    "mb",
    "db",
}  # last words of names that `shown` turns into a unit behind the number


def is_fraction(name: str) -> bool:
    """Whether numbers of this name lie in [0, 1] and are written as percents."""
    return name.split("_")[-1] in FRACTIONS


def lower_is_better(name: str) -> bool:
    """Whether lower numbers of this name are better."""
    return name.split("_")[-1] in LOWER_IS_BETTER


def humanize(name: str) -> str:
    """A field in words: "macro_f1" -> "macro F1", "train_s" -> "train"."""
    words = name.split("_")
    if len(words) > 1 and words[-1] in UNIT_SUFFIXES:
        words.pop()
    return " ".join(ACRONYMS.get(word, word) for word in words)


def heading(name: str) -> str:
    """The same as a heading: "Macro F1"."""
    return humanize(name)[:1].upper() + humanize(name)[1:]


def format_value(name: str, value: Any) -> str:
    """`value` of the field `name` as text; a dash where there is none."""
    unit = name.split("_")[-1]
    if value is None or value == "":
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if is_fraction(name):
        return f"{100 * value:.1f}%"
    if unit == "s" and "_" in name:
        return format_duration(value)
    if unit == "mb" and "_" in name:
        return f"{value:,.0f} MB"
    if unit in ("psnr", "db"):
        return f"{value:.2f} dB"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.1f}"
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.3g}"


def format_duration(seconds: float) -> str:
    """ "0.42 s", "18.2 s", "3 min 05 s" or "2 h 10 min"."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds) // 60
    if minutes < 60:
        return f"{minutes} min {round(seconds) % 60:02d} s"
    return f"{minutes // 60:,} h {minutes % 60:02d} min"
