"""The stop button of a notebook: the state is saved, and the same cell continues."""

import json
import os
import time
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from tests.runs.runs import read_checkpoint, read_log

pytestmark = pytest.mark.slow

EPOCHS = 300  # long enough to be interrupted
DEADLINE = 300  # seconds


@pytest.fixture
def kernel():
    """(manager, client) of a new kernel in the working directory."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def execute(client, source, meanwhile=lambda: None):
    """The reply to a cell; `meanwhile` is called while it runs."""
    message = client.execute(source)
    meanwhile()
    while (reply := client.get_shell_msg(timeout=DEADLINE))["parent_header"]["msg_id"] != message:
        pass
    return reply["content"]


def test_an_interrupted_training_continues_in_the_same_cell(kernel, shapes, tmp_path):
    manager, client = kernel
    run = tmp_path / "run"
    fields = {
        "data.root": tmp_path / "data",
        "data.size": "16x16",
        "data.valid_fraction": 0.2,
        "data.test_fraction": 0.2,
        "model.name": "two_layer",
        "train.batch_size": 16,
        "train.epochs": EPOCHS,
        "train.checkpoint_seconds": 1000.0,  # what is saved is saved by the interruption
    }
    words = [f"--config=configs/folder.py:{shapes}", f"--workdir={run}"]
    words += [f"--config.{name}={value}" for name, value in fields.items()]
    cell = f"from gv_jax.notebook import run\nrun('train', *{words})"

    def interrupt():
        deadline = time.monotonic() + DEADLINE
        while not (run / "metrics.jsonl").exists() or len(read_log(run)) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        manager.interrupt_kernel()

    stopped = execute(client, cell, meanwhile=interrupt)
    assert stopped["status"] == "error"
    assert stopped["ename"] == "UserError"
    assert not (run / "results.json").exists()
    step, _ = read_checkpoint(run, "best")
    assert step > 0

    assert execute(client, cell)["status"] == "ok"
    assert json.loads((run / "results.json").read_text())["training"]
    epochs = [row["epoch"] for row in read_log(run) if row["split"] == "valid"]
    assert epochs == list(range(1, EPOCHS + 1))
