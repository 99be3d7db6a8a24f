"""How a run was made: command line, package versions, commit and device."""

import importlib.metadata
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

RECORDED_PACKAGES = (
    "gv_jax",
    "jax",
    "flax",
    "optax",
    "orbax-checkpoint",
    "tensorflow-datasets",
    "numpy",
    "pillow",
)


def run_metadata(arguments: Sequence[str]) -> dict[str, Any]:
    """Command line, package versions, git commit and device of this process."""
    device = jax.devices()[0]
    is_cpu = device.device_kind == device.platform
    platform_name = "" if is_cpu else f" ({device.platform})"
    return {
        "command": ["gv-jax", "train", *arguments[arguments[:1] == ["train"] :]],
        "versions": {
            "python": platform.python_version(),
            **{name: package_version(name) for name in RECORDED_PACKAGES},
        },
        "git_commit": git_commit(),
        "device": f"{jax.device_count()} x {device.device_kind}{platform_name}",
    }


def package_version(package: str) -> str:
    """The installed version of `package`; "" if it is imported from a folder, not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def git_commit() -> str:
    """The commit of this checkout, with "+" if files are modified; "" outside a checkout.

    An installed package may lie inside another project's repository, whose commit says nothing.
    """
    checkout = Path(__file__).resolve().parents[2]
    try:
        if Path(read_git(checkout, "rev-parse", "--show-toplevel")).resolve() != checkout:
            return ""
        read_git(checkout, "ls-files", "--error-unmatch", "gv_jax/training/run_metadata.py")
        commit = read_git(checkout, "rev-parse", "HEAD")
        changes = read_git(checkout, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + ("+" if changes else "")


def read_git(folder: Path, *arguments: str) -> str:
    """What a git command prints in `folder`."""
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
