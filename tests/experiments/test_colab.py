"""experiments/colab.ipynb as committed, and what its first cell installs."""

from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "experiments" / "colab.ipynb"


def read_notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook):
    return {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}


def test_the_committed_notebook_is_valid_and_has_no_outputs():
    notebook = read_notebook()
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert not any(cell.outputs for cell in cells.values())
    assert all(cell.execution_count is None for cell in cells.values())
    assert all(set(cell.metadata) <= {"cellView"} for cell in cells.values())
    for name, cell in cells.items():
        compile(cell.source, name, "exec")


def test_the_kernel_is_the_one_that_every_system_has():
    metadata = read_notebook().metadata
    assert metadata.kernelspec == {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    assert metadata.language_info == {"name": "python"}


def test_the_address_of_the_repository_is_set_in_one_place():
    sources = [cell.source for cell in read_notebook().cells]
    assert sum(source.count("REPOSITORY =") for source in sources) == 1
    assert not any("github.com" in source for source in sources)


def run_install(monkeypatch, tmp_path, **values):
    """The names that the install cell defines, without what it does; `values` replace some."""
    monkeypatch.chdir(tmp_path)
    source = code_cells(read_notebook())["install"].source
    definitions = source.partition("root = find_checkout()")[0]
    names = {}
    exec(definitions, names)
    names.update(values)
    return SimpleNamespace(**names, namespace=names)


@pytest.mark.parametrize(
    ("driver", "plugin_missing", "extras"),
    [
        ("550.54.15", True, ["gpu-cuda12"]),
        ("580.82.07", True, ["gpu"]),
        ("580.82.07", False, ["gpu-cuda12"]),  # two plugins of CUDA exclude each other
        ("failed: no device", True, []),
    ],
)
def test_the_extra_fits_the_driver(monkeypatch, tmp_path, driver, plugin_missing, extras):
    names = run_install(
        monkeypatch,
        tmp_path,
        is_missing=lambda requirement: plugin_missing,
        shutil=SimpleNamespace(which=lambda name: name),
        subprocess=SimpleNamespace(run=lambda *_, **__: SimpleNamespace(stdout=driver)),
    )
    monkeypatch.delenv("TPU_ACCELERATOR_TYPE", raising=False)
    assert names.choose_accelerator() == extras


def test_a_tpu_has_its_extra(monkeypatch, tmp_path):
    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v5e-1")
    assert run_install(monkeypatch, tmp_path).choose_accelerator() == ["tpu"]


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("numpy>=2.0", False),
        ("numpy>=1000", True),
        ("no-such-package-of-anyone", True),
        ("no-such-package-of-anyone; python_version < '3'", False),
        ("gv_jax-absent[extra]", True),
    ],
)
def test_requirements_are_compared_with_what_is_installed(monkeypatch, tmp_path, line, missing):
    names = run_install(monkeypatch, tmp_path)
    assert names.is_missing(names.Requirement(line)) is missing


def test_requirements_of_extras_count(monkeypatch, tmp_path):
    requires = {"jax": ["plugin>=2; extra == 'cuda12'"], "plugin": []}
    installed = SimpleNamespace(
        version={"jax": "1.0", "plugin": "1.0"}.__getitem__,
        requires=requires.__getitem__,
        PackageNotFoundError=KeyError,
    )
    names = run_install(monkeypatch, tmp_path, metadata=installed)
    assert names.is_missing(names.Requirement("jax[cuda12]"))
    assert not names.is_missing(names.Requirement("jax"))


def test_the_checkout_around_the_notebook_is_found(monkeypatch, tmp_path):
    names = run_install(monkeypatch, tmp_path)
    for inner in ("configs", "gv_jax", "experiments"):
        (tmp_path / "mine" / inner).mkdir(parents=True)
    (tmp_path / "mine" / "configs" / "quickstart.py").touch()
    monkeypatch.chdir(tmp_path / "mine" / "experiments")
    assert names.find_checkout() == tmp_path / "mine"
