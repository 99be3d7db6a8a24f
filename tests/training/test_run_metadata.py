"""The recorded commit is that of gv_jax."""

import subprocess

import pytest

from gv_jax.training import run_metadata


@pytest.mark.parametrize("place", ["checkout", "installed", "copied"])
def test_the_commit_of_another_repository_is_not_recorded(tmp_path, monkeypatch, place):
    """A package below the repository of another project, or not tracked in it, has no commit."""
    package = tmp_path / (".venv/lib" if place == "installed" else "") / "gv_jax" / "training"
    package.mkdir(parents=True)
    (package / "run_metadata.py").write_text("")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    if place == "checkout":
        subprocess.run([*git, "add", "."], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "-qm", "a", "--allow-empty"], cwd=tmp_path, check=True)
    monkeypatch.setattr(run_metadata, "__file__", str(package / "run_metadata.py"))
    assert (run_metadata.git_commit() != "") == (place == "checkout")
