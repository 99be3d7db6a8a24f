"""Memory of this process on pages of 2 MB, where Linux gives them to programs that ask for them.

XLA's CPU backend allocates the intermediate arrays of a step anew in every step. On pages of 4 kB
a training step of ResNet-18 (16 images of 224 px) has 94,000 page faults, on pages of 2 MB 1,000,
and takes 9 % less CPU time.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "GLIBC_TUNABLES"  # read by the C library when a process starts, so not from within
TUNABLE = "glibc.malloc.hugetlb"  # 1: allocated memory asks for transparent huge pages
MIN_VERSION = (2, 35)  # of glibc
SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")  # "always [madvise] never"


def huge_page_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` for a process on huge pages; equal to it where that has no effect."""
    given = environment.get(VARIABLE, "")
    if TUNABLE in given or not _waits_for_requests() or not _has_tunable():
        return dict(environment)
    return {**environment, VARIABLE: ":".join(filter(None, [given, f"{TUNABLE}=1"]))}


def restart_on_huge_pages() -> None:
    """Starts this program anew in the same process, on huge pages; returns if it is on them.

    To be called before anything else: what the process did so far is done again.
    """
    environment = huge_page_environment(os.environ)
    if environment != dict(os.environ) and sys.executable:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def _waits_for_requests() -> bool:
    """Whether Linux gives huge pages to those that ask, and only to them."""
    try:
        return "[madvise]" in SETTING.read_text()
    except OSError:  # another system, or a Linux without huge pages
        return False


def _has_tunable() -> bool:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        return name == "glibc" and tuple(map(int, version.split("."))) >= MIN_VERSION
    except (AttributeError, ValueError):  # another C library
        return False
