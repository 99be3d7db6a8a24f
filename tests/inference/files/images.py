"""Writes images of one color, and compares folders."""

import os

from PIL import Image


def write_image(path, color, size=(6, 5), mode="RGB"):
    """An image of one color, "red", "green", "blue" or "gray", with a fixed time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, {"green": "lime"}.get(color, color)).convert(mode).save(path)
    os.utime(path, ns=(1_500_000_000_123_456_789, 1_500_000_000_123_456_789))
    return path


def snapshot(folder):
    """Every path below a folder -> (content, time of the last change, mode)."""
    root = os.fsencode(folder)
    entries = {}
    for parent, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            status = os.lstat(path)
            content = b"folder" if name in folders else read_bytes(path)
            entries[os.path.relpath(path, root)] = content, status.st_mtime_ns, status.st_mode
    return entries


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()
