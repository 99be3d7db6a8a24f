"""Every class gets a folder of its own whose name every system takes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gv_jax.data.class_folders import name_folders


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("wall", "wall"),
        ("Mauer (außen)", "Mauer (außen)"),
        ("a/b", "a_b"),
        ("..", "__"),
        (".hidden", "_hidden"),
        ("", "_"),
        ("dot.", "dot_"),
        ("CON", "CON_"),
        ("con.txt", "con.txt_"),
        ("lpt1", "lpt1_"),
        ("console", "console"),
        ("_unsure", "_unsure_"),
        ("manifest.csv", "manifest.csv_"),
        ('a:b*c?d"e<f>g|h\\i', "a_b_c_d_e_f_g_h_i"),
        ("a\nb\0c", "a_b_c"),
    ],
)
def test_names(name, folder):
    assert name_folders([name]) == {name: folder}


def test_a_valid_name_is_kept_before_a_changed_one():
    assert name_folders(["a/b", "a_b", "A_B"]) == {"a/b": "a_b_3", "a_b": "a_b", "A_B": "A_B_2"}


@settings(settings.get_profile("fast"))
@given(st.lists(st.text(max_size=300), unique=True, max_size=8))
def test_folders_are_distinct_and_valid(classes):
    folders = list(name_folders(classes).values())
    assert len({folder.casefold() for folder in folders}) == len(classes)
    for folder in folders:
        assert len(folder.encode()) <= 255
        assert folder.strip(". ") == folder or folder.startswith(" ")
        assert not set('/\\:*?"<>|\0\n') & set(folder)
