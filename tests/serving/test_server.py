"""`gv-jax serve` as a process, with runs that were not trained."""

import io
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
from PIL import Image

from gv_jax.cli.commands import COMMANDS
from gv_jax.cli.flags import run_command
from gv_jax.inference.run import load_run
from gv_jax.serving.server import is_loopback, open_listener
from tests.inference.runs import (
    write_classification_run,
    write_colorization_run,
    write_super_resolution_run,
)
from tests.serving.clients import open_client, post
from tests.serving.images import decode

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return (
        write_classification_run(folder / "classifier"),
        write_colorization_run(folder / "colorizer"),
        write_super_resolution_run(folder / "upscaler"),
    )


@pytest.fixture(scope="module")
def image():
    pixels = np.random.default_rng(0).integers(0, 255, (16, 24, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return pixels, buffer.getvalue()


def call(capsys, *words):
    """Exit status and standard error of `gv-jax serve WORDS`."""
    with pytest.raises(SystemExit) as stop:
        run_command(COMMANDS["serve"][0], [str(word) for word in words])
    return stop.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["NOTHING"], "NOTHING"),
        ([], "RUN"),
        (["x", "--port", "70000"], "70000"),
        (["x", "--port", "-1"], "-1"),
        (["x", "--host", "no.such.host.invalid"], "no.such.host.invalid"),
        (["x", "--with-images"], "--with-images"),
        (["x", "--prot", "1"], "--prot"),
    ],
)
def test_mistakes_are_one_line(words, named, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    port = ["--port", "0"] if "--port" not in words else []
    status, error = call(capsys, *words, *port)
    assert status == 2
    assert named in error
    assert error.count("\n") == 1


def test_a_port_in_use(runs, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, error = call(capsys, runs[0], "--port", port)
    assert status == 2
    assert str(port) in error


def test_an_unfinished_run(tmp_path, capsys):
    run = write_classification_run(tmp_path / "run")
    (run / "report.html").unlink()
    status, error = call(capsys, run, "--port", "0")
    assert (status, error.count("\n")) == (2, 1)
    assert str(run) in error


@pytest.mark.parametrize(("host", "local"), [("127.0.0.1", True), ("0.0.0.0", False)])
def test_which_listeners_are_local(host, local):
    with open_listener(host, 0) as listener:
        assert is_loopback(listener) == local


def test_responses_are_those_of_the_runs(runs, image):
    pixels, data = image
    classifier, colorizer, upscaler = loaded = [load_run(path) for path in runs]
    with open_client(*loaded) as client:
        row = post(client, "predict", ("a.png", data), top="3").json()["predictions"][0]
        overlay = decode(post(client, "explain", ("a.png", data)).content)
        colorized = decode(post(client, "colorize", ("a.png", data)).content)
        upscaled = decode(post(client, "upscale", ("a.png", data)).content)
    expected = classifier.predict(pixels)
    assert row["label"] == expected.labels[0]
    assert [top["label"] for top in row["top"]] == [name for name, _ in expected.top(3)[0]]
    assert row["probability"] == pytest.approx(expected.confidences[0], abs=1e-5)
    np.testing.assert_array_equal(overlay, classifier.explain(pixels).overlay)
    np.testing.assert_array_equal(colorized, colorizer.colorize(pixels))
    np.testing.assert_array_equal(upscaled, upscaler.upscale(pixels))


@pytest.mark.slow
def test_a_process_serves_until_it_is_interrupted(runs, image, interruptible):
    command = [sys.executable, "-m", "gv_jax", "serve", *map(str, runs), "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        address = ADDRESS.search(process.stdout.readline())[0]
        with urllib.request.urlopen(f"{address}/api/v1/runs") as response:
            assert len(json.load(response)["runs"]) == 3
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in error


def test_start_imports_nothing_slow():
    code = (
        "import sys; import gv_jax.serving.server, gv_jax.inference.classifier, "
        "gv_jax.inference.image_runs; print({'matplotlib', 'tensorflow_datasets', 'sklearn', "
        "'scipy.optimize', 'tensorboardX', 'av'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
