"""Fields of the front matter of cards, as people and programs write them."""

import time

import pytest

from gv_jax.models.pretrained.card import MAX_CARD_BYTES, read_card_fields

NAMES = ("license", "license_name")


def read(tmp_path, content):
    file = tmp_path / "README.md"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_card_fields(file, NAMES)


@pytest.mark.parametrize(
    ("lines", "values"),
    [
        ("license: apache-2.0", ("apache-2.0",)),
        ("license:   'mit'   # a comment", ("mit",)),
        ('"license": "mit"', ("mit",)),
        ("license: [mit, 'cc-by-nc-4.0']", ("mit", "cc-by-nc-4.0")),
        ("license:\n- mit\n- cc-by-nc-4.0", ("mit", "cc-by-nc-4.0")),
        ("license:\n  - mit", ("mit",)),
        ("license: >-\n  cc-by-nc\n  4.0", ("cc-by-nc 4.0",)),
        ("license: 2.0", ("2.0",)),
        ("license: no", ("no",)),
        ("license: mit\nlicense: apache-2.0", ("apache-2.0",)),
        ("tags:\n- license: gpl\nlicense: mit", ("mit",)),
        ("model-index:\n  license: gpl\nlicense: mit", ("mit",)),
        ("broken: [1, 2\nlicense: mit\n\tx: y", None),
        ("broken: {a\nlicense: mit\nother: }", ("mit",)),
        ("license: mit\n---\nlicense: gpl", ("mit",)),
    ],
)
def test_values_of_a_field(tmp_path, lines, values):
    fields = read(tmp_path, f"---\n{lines}\n---\n# A model\nlicense: bsd\n")
    assert fields.get("license") == values


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("before", ["", "\n"])
def test_line_ends_byte_order_marks_and_empty_lines_do_not_matter(tmp_path, newline, mark, before):
    text = f"{before}---\nlanguage: fr\nlicense: other\nlicense_name: own \n---\nText\n"
    fields = read(tmp_path, mark + text.replace("\n", newline).encode())
    assert fields == {"license": ("other",), "license_name": ("own",)}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n\n",
        "# A model\nlicense: mit\n",
        "license: mit\n---\n",
        "---\nlicense: mit\n",
        "----\nlicense: mit\n----\n",
        "---\nlicense:\n---\n",
        "---\nlicense: ''\n---\n",
        "---\nlicense: {name: mit}\n---\n",
        "---\nlicense: [[mit]]\n---\n",
        "---\nlicense: [mit\n---\n",
        "---\nlicense: *missing\n---\n",
        "---\nlicense: " + "[" * 5000 + "\n---\n",
        "---\nLicense: mit\n---\n",
        b"\xff\xfe-\x00-\x00-\x00",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_other_content_has_no_fields(tmp_path, content):
    assert read(tmp_path, content) == {}


def test_tags_of_python_objects_are_ignored(tmp_path):
    target = tmp_path / "target"
    tag = f"!!python/object/apply:os.mkdir ['{target}']"
    assert read(tmp_path, f"---\nlicense: {tag}\n---\n") == {"license": (str(target),)}
    assert not target.exists()


def test_no_file_and_a_folder_have_no_fields(tmp_path):
    assert read_card_fields(tmp_path / "README.md", NAMES) == {}
    assert read_card_fields(tmp_path, NAMES) == {}


def test_long_front_matters_are_read_fast_and_text_behind_them_is_not(tmp_path):
    rows = "".join(f"  - metric: {number}\n    value: [1, 2]\n" for number in range(40_000))
    text = f"---\nmodel-index:\n{rows}license: mit\n---\n"
    begin = time.perf_counter()
    assert read(tmp_path, text + "x" * MAX_CARD_BYTES) == {"license": ("mit",)}
    assert time.perf_counter() - begin < 2
    assert read(tmp_path, "---\n" + "#" * MAX_CARD_BYTES + "\nlicense: mit\n---\n") == {}
