"""The table DATASETS."""

import subprocess
import sys

import pytest

from gv_jax.data.builders.registry import DATASETS

COMMON = {
    "skip_broken": False,
    "valid_fraction": 0.2,
    "test_fraction": 0.2,
    "split_seed": 0,
    "path": "",
}


def test_keys_are_the_names_of_the_builders():
    assert {name: builder.name for name, builder in DATASETS.items()} == {
        name: name for name in DATASETS
    }


@pytest.mark.slow
def test_import_needs_neither_ale_py_nor_jax():
    code = (
        "import sys; sys.modules['ale_py'] = None; import gv_jax.data.dataset; "
        "print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", ["n64_textures", "dungeon_tiles"])
def test_fixed_classes_need_no_data(tmp_path, name):
    classes = DATASETS[name](root=tmp_path / "data", **COMMON).classes
    assert len(classes) == 15
    assert list(classes) == sorted(classes)
