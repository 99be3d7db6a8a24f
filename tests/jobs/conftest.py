"""A folder of small jobs."""

import os
from pathlib import Path

import pytest

from tests.jobs.study import ROOT, Study


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))  # for the processes
    return Study(tmp_path)
