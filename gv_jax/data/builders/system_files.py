"""Files and folders that operating systems and storage devices add to a user's folders."""

import re

SYSTEM_NAMES = re.compile(
    r"""
    \..*  # hidden: .git, .DS_Store, ._image.png of macOS, .Trash-1000
    | @eadir | \#recycle | \#snapshot | @sharebin | @tmp  # Synology
    | @__thumb | @recycle | @recently-snapshot | @transcode  # QNAP
    | \$recycle\.bin | system\ volume\ information | found\.\d{3}  # Windows
    | (eh)?thumbs(_vista)?\.db | desktop\.ini | .*:zone\.identifier  # Explorer
    | __macosx | icon\r | network\ trash\ folder | temporary\ items  # macOS and its archives
    | lost\+found | lost\.dir  # Linux, Android
    | __pycache__
    """,
    re.IGNORECASE | re.VERBOSE,
)


def is_system_name(name: str) -> bool:
    """Whether a file or folder of this name, in any case, was not put there by the user."""
    return SYSTEM_NAMES.fullmatch(name) is not None
