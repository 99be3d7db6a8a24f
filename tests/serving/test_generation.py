"""The route that generates images, with the run of an untrained network."""

import base64
import io
import threading
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from gv_jax.inference.files.generate_files import GenerationOutcome, generate_files
from gv_jax.inference.run import load_run
from gv_jax.serving.generation import MAX_IMAGES
from gv_jax.serving.worker import Worker
from tests.inference.runs import write_generation_run
from tests.serving.clients import open_client, post
from tests.serving.fake_runs import FakeClassifier
from tests.serving.images import BLUE, decode, encode


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return load_run(write_generation_run(tmp_path_factory.mktemp("secret") / "tiles"))


@pytest.fixture(scope="module")
def client(run):
    with open_client(FakeClassifier(), run) as client:
        yield client


def read_files(response):
    """Name -> bytes of the images of a JSON response."""
    body = response.json()
    prefix = "data:image/png;base64,"
    assert all(uri.startswith(prefix) for uri in body["images"])
    data = [base64.b64decode(uri.removeprefix(prefix)) for uri in body["images"]]
    return dict(zip(body["names"], data, strict=True))


def test_the_run_is_described(client):
    run = client.get("/api/v1/runs").json()["runs"][1]
    assert (run["name"], run["action"]) == ("tiles", "generate")
    assert (run["classes"], run["tileable"]) == (["brick", "hero"], ["brick"])
    assert (run["image_size"], run["max_count"]) == ([16, 16], MAX_IMAGES)
    assert (run["guidance"], run["strength"], run["layout_time"]) == (4.0, 0.6, None)


def test_images_are_those_of_the_run(client, run):
    fields = {"label": "hero", "count": "3", "seed": "7", "guidance": "2", "palette": "4"}
    response = post(client, "generate", **fields)
    assert response.status_code == 200
    body = response.json()
    assert (body["run"], body["label"], body["seed"], body["tileable"]) == (
        *("tiles", "hero", 7),
        False,
    )
    expected = run.generate("hero", 3, seed=7, guidance=2, palette=4)
    images = [decode(data) for data in read_files(response).values()]
    np.testing.assert_array_equal(images, expected)


def test_files_are_those_of_the_command(client, run, tmp_path):
    response = post(client, "generate", label="brick", count="2", seed="5")
    sampling = run.sampling(5)
    generate_files(run, {"brick": 2}, GenerationOutcome(tmp_path), sampling)
    expected = {file.name: file.read_bytes() for file in (tmp_path / "brick").iterdir()}
    assert read_files(response) == expected
    assert "Generated image" in Image.open(io.BytesIO(expected["brick_5_00001.png"])).text.get(
        "Description"
    )


def test_a_zip_has_the_same_files(client, run, monkeypatch):
    files = read_files(post(client, "generate", label="brick", count="2", seed="9"))
    monkeypatch.setattr(run.generator, "generate", None)  # the images are kept
    response = post(client, "generate", label="brick", count="2", seed="9", format="zip")
    assert response.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_an_image_is_varied(client, run):
    fields = {"label": "hero", "count": "2", "strength": "0.3"}
    files = read_files(post(client, "generate", ("../b c.png", encode(BLUE)), **fields))
    assert list(files) == ["like_0_b c_0_00000.png", "like_0_b c_0_00001.png"]
    image = np.full((6, 8, 3), BLUE, np.uint8)
    expected = run.generate("hero", 2, like=image, strength=0.3)
    np.testing.assert_array_equal([decode(data) for data in files.values()], expected)
    (first, _) = files.values()
    assert '"like": "b c.png"' in Image.open(io.BytesIO(first)).text["gv_jax"]


def test_the_image_of_a_url_is_varied(run):
    with open_client(run, fetch=lambda url: encode(BLUE)) as client:
        response = post(client, "generate", label="hero", url="https://a.example/b.png")
    assert response.json()["names"][0] == "like_0_b_0_00000.png"


def test_how_exactly_a_layout_is_followed_is_a_choice(tmp_path):
    path = write_generation_run(tmp_path / "run", **{"generation.layouts": 3})
    with open_client(load_run(path)) as client:
        described = client.get("/api/v1/runs").json()["runs"][-1]
        assert described["layout_time"] == 0.9
        fields = {"label": "hero", "count": "1", "layout_time": "0.7"}
        (data,) = read_files(post(client, "generate", **fields)).values()
    assert '"layout_time": 0.7' in Image.open(io.BytesIO(data)).text["gv_jax"]


@pytest.mark.parametrize(("label", "tileable"), [("hero", "true"), ("brick", "false")])
def test_the_seam_is_a_choice(client, run, label, tileable):
    response = post(client, "generate", label=label, count="1", tileable=tileable)
    assert response.json()["tileable"] == (tileable == "true")
    expected = run.generate(label, 1, tileable=tileable == "true")
    np.testing.assert_array_equal(
        [decode(data) for data in read_files(response).values()], expected
    )


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "label"),
        ({"label": "brik"}, "brick, hero"),
        ({"label": "hero", "count": "0"}, "count"),
        ({"label": "hero", "count": str(MAX_IMAGES + 1)}, "count"),
        ({"label": "hero", "seed": "-1"}, "seed"),
        ({"label": "hero", "seed": str(2**32)}, "seed"),
        ({"label": "hero", "guidance": "21"}, "guidance"),
        ({"label": "hero", "guidance": "nan"}, "guidance"),
        ({"label": "hero", "strength": "1.1"}, "strength"),
        ({"label": "hero", "strength": "0.5"}, "strength"),
        ({"label": "hero", "layout_time": "0.4"}, "layout_time"),
        ({"label": "hero", "layout_time": "0.7"}, "config.generation.layouts=0"),
        ({"label": "hero", "palette": "257"}, "palette"),
        ({"label": "hero", "tileable": "perhaps"}, "tileable"),
        ({"label": "hero", "format": "gif"}, "format"),
        ({"label": "hero", "run": "colors"}, "colors"),
    ],
)
def test_mistakes_are_one_line_of_json(client, fields, word):
    response = post(client, "generate", **fields)
    assert response.status_code == 422
    assert list(response.json()) == ["error"]
    assert word in response.json()["error"]
    assert "\n" not in response.json()["error"]
    assert "secret" not in response.text


def test_a_file_that_is_no_image(client):
    assert post(client, "generate", ("a.png", b"no image"), label="hero").status_code == 415
    files = [("a.png", encode()), ("b.png", encode())]
    assert post(client, "generate", *files, label="hero").status_code == 422


def test_a_full_queue_is_503(run):
    worker, gate = Worker(queue_length=1), threading.Event()
    with open_client(run, worker=worker) as client:
        try:
            blocked = worker.submit(lambda items: [gate.wait(10)], None, 10)
            while worker.depth:  # it is taken
                pass
            waiting = worker.submit(lambda items: items, None, 10)
            response = post(client, "generate", label="hero")
        finally:
            gate.set()
        assert blocked.result()
        waiting.result()
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1


def test_an_order_does_not_wait_for_those_behind_it(run, monkeypatch):
    """Orders that wait at the same time are no batch."""
    generate, gate, results = run.generator.generate, threading.Event(), []

    def hold_second(labels, indices, sampling, like=None):
        if sampling.seed == 2:
            assert gate.wait(10)
        return generate(labels, indices, sampling, like)

    monkeypatch.setattr(run.generator, "generate", hold_second)
    worker = Worker(batch_seconds=0.2)
    with open_client(run, worker=worker) as client:

        def request(seed):
            results.append(post(client, "generate", label="hero", count="1", seed=seed))

        started, release = threading.Event(), threading.Event()
        blocked = worker.submit(lambda items: [started.set() or release.wait(10)], None, 10)
        assert started.wait(10)
        threads = [threading.Thread(target=request, args=(seed,)) for seed in "12"]
        for number, thread in enumerate(threads):
            thread.start()
            while worker.depth <= number:  # in this order
                time.sleep(0.01)
        release.set()
        try:
            threads[0].join(5)
            assert [response.json()["seed"] for response in results] == [1]
        finally:
            gate.set()
            for thread in threads:
                thread.join()
        assert blocked.result()


def test_programs_are_compiled_in_advance(run, monkeypatch):
    begun = threading.Event()
    generate = run.generator.generate

    def record(labels, indices, sampling, like=None):
        begun.set()
        assert sampling.steps == 2
        return generate(labels, indices, sampling, like)

    monkeypatch.setattr(run.generator, "generate", record)
    with open_client(run):
        assert begun.wait(10)
