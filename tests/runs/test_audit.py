"""The audit in the report of a run, with and without leaks in the training split."""

import pytest
from PIL import Image

from gv_jax import experiment
from tests.data.duplicates.scenes import write_leaking_splits
from tests.runs.runs import make_small_config, read_results

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("drop", "num_train"), [(False, 16), (True, 14)])
def test_a_run_reports_its_audit_and_drops_leaks(drop, num_train, tmp_path):
    images, run = write_leaking_splits(tmp_path / "images"), tmp_path / "run"
    fields = {"data.drop_leaks": drop, "train.batch_size": 4, "train.epochs": 1}
    experiment.run(make_small_config(images, tmp_path / "data", **fields), run)
    results = read_results(run)
    leaks = {"valid": {"exact": 1, "near": 0}, "test": {"exact": 0, "near": 1}}
    assert results["audit"]["leaks"] == leaks
    assert results["audit"]["dropped"] == 16 - num_train
    assert results["train"]["count"] == num_train
    for name in ("report.html", "report.md"):
        text = (run / name).read_text()
        assert "Data audit" in text
        assert ("--config.data.drop_leaks=True" in text) is not drop
    with Image.open(run / "figures" / "duplicates.png") as image:
        assert image.width > 300
