"""The table of data sets."""

import subprocess
import sys

import pytest

from gv_jax.data import dataset

SPLIT = {
    "skip_broken": False,
    "valid_fraction": 0.2,
    "test_fraction": 0.2,
    "split_seed": 0,
    "path": "",
}


def test_needs_neither_ale_py_nor_jax():
    code = "import sys; sys.modules['ale_py'] = None; import gv_jax.data.dataset; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", ["n64_textures", "dungeon_tiles"])
def test_classes_that_are_fixed_need_no_data(tmp_path, name):
    found = dataset.class_names(name, root=tmp_path / "data", **SPLIT)
    assert len(found) == 15
    assert list(found) == sorted(found)
