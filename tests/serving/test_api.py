"""The JSON API with runs whose results are known."""

import csv
import io
import tempfile
import threading
import time
import zipfile

import numpy as np
import pytest

from gv_jax.serving.fetch_url import FetchError
from gv_jax.serving.worker import Worker
from tests.serving.clients import open_client, post
from tests.serving.fake_runs import FakeClassifier, FakeColorizer, FakeUpscaler
from tests.serving.images import BLUE, GREEN, RED, animate, decode, encode


@pytest.fixture
def client():
    with open_client(FakeClassifier(), FakeColorizer(), FakeUpscaler()) as client:
        yield client


def test_runs_are_listed_without_paths(client):
    response = client.get("/api/v1/runs")
    runs = response.json()["runs"]
    assert [(run["name"], run["action"]) for run in runs] == [
        ("colors", "predict"),
        ("gray", "colorize"),
        ("large", "upscale"),
    ]
    assert runs[0]["classes"] == ["red", "green", "blue"]
    assert "secret" not in response.text


def test_runs_of_one_name_are_numbered():
    with open_client(FakeClassifier("/a/x"), FakeClassifier("/b/x")) as client:
        names = [run["name"] for run in client.get("/api/v1/runs").json()["runs"]]
        assert names == ["x", "x (2)"]
        assert post(client, "predict", ("a", encode()), run="x (2)").json()["run"] == "x (2)"


def test_a_prediction(client):
    response = post(client, "predict", ("a.png", encode(RED)), top="2", nearest="3")
    assert response.status_code == 200
    body = response.json()
    row = body["predictions"][0]
    assert body["run"] == "colors"
    assert (row["name"], row["label"], row["labels"]) == ("a.png", "red", ["red"])
    assert row["probability"] == pytest.approx(250 / 270, abs=1e-4)
    assert [top["label"] for top in row["top"]] == ["red", "green"]
    assert row["prediction_set"] == ["red"]
    assert row["unfamiliar"] is False
    assert len(row["nearest"]) == 3
    assert row["nearest"][0]["name"] == "1.png"
    assert row["nearest"][0]["thumbnail"].startswith("data:image/png;base64,")


def test_a_run_without_sets_and_neighbors():
    with open_client(FakeClassifier(with_sets=False)) as client:
        row = post(client, "predict", ("a", encode()), nearest="3").json()["predictions"][0]
    assert (row["prediction_set"], row["unfamiliar"], row["nearest"]) == (None, None, [])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
@pytest.mark.parametrize("declared", ["image/png", "text/html", "application/x-msdownload"])
def test_the_content_is_the_type(client, kind, declared):
    response = post(client, "predict", ("x.exe", encode(GREEN, kind=kind), declared))
    assert response.json()["predictions"][0]["label"] == "green"


def test_several_files_with_a_bad_one(client):
    files = [("a.png", encode(RED)), ("b.txt", b"no image"), ("c.png", encode(BLUE))]
    rows = post(client, "predict", *files).json()["predictions"]
    assert [row.get("label") for row in rows] == ["red", None, "blue"]
    assert [("error" in row) for row in rows] == [False, True, False]


def test_csv_is_one_line_per_file(client):
    files = [("a.png", encode(RED)), ("b.txt", b"no image"), ("=1+2.png", encode(BLUE))]
    response = post(client, "predict", *files, format="csv")
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [(row["file"], row["label"]) for row in rows] == [
        ("a.png", "red"),
        ("b.txt", ""),
        ("'=1+2.png", "blue"),
    ]


def test_zip_has_a_folder_per_class(client):
    red, blue = encode(RED), encode(BLUE)
    files = [("a.png", red), ("A.png", red), ("b.txt", b"no image"), ("c.png", blue)]
    response = post(client, "predict", *files, format="zip")
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert set(archive.namelist()) == {
            *("red/a.png", "red/A_2.png", "_unreadable/b.txt", "blue/c.png", "predictions.csv")
        }
        assert archive.read("blue/c.png") == blue


def test_an_explanation_is_an_image(client):
    response = post(client, "explain", ("a.png", encode(RED)))
    assert response.headers["content-type"] == "image/png"
    assert (decode(response.content) == 255 - np.array(RED)).all()
    response = post(client, "explain", ("a.png", encode(RED)), method="none")
    assert response.status_code == 422
    assert response.json() == {"error": "colors has no method none"}


def test_colorized_and_upscaled_images(client):
    colorized = decode(post(client, "colorize", ("a.png", encode((9, 9, 9)))).content)
    assert colorized.shape == (6, 8, 3)
    assert (colorized == (255, 9, 9)).all()
    upscaled = decode(post(client, "upscale", ("a.png", encode(GREEN))).content)
    assert upscaled.shape == (12, 16, 3)
    assert (upscaled == GREEN).all()


def test_the_first_frame_of_an_image_as_png(client):
    response = post(client, "image", ("a.gif", encode(BLUE, kind="GIF")))
    assert (decode(response.content) == BLUE).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_clip_is_colorized_with_progress(client, kind):
    pytest.importorskip("av")
    response = post(client, "colorize", ("a", animate(5, kind)))
    assert response.status_code == 202
    clip = response.json()
    for _ in range(200):
        if clip["state"] != "running":
            break
        time.sleep(0.02)
        clip = client.get(f"/api/v1/clips/{clip['id']}").json()
    assert (clip["state"], clip["done"]) == ("done", 5)
    response = client.get(f"/api/v1/clips/{clip['id']}/file")
    assert response.headers["content-type"] == "video/mp4"
    assert response.content[4:8] == b"ftyp"


@pytest.mark.parametrize("colorizes", [False, True])
def test_a_server_leaves_no_folder_behind(monkeypatch, tmp_path, colorizes):
    pytest.importorskip("av")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with open_client(FakeColorizer()) as client:
        assert not list(tmp_path.iterdir())
        if colorizes:
            assert post(client, "colorize", ("a", animate(2, "GIF"))).status_code == 202
            assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_a_url_is_fetched():
    with open_client(FakeClassifier(), fetch=lambda url: encode(GREEN)) as client:
        row = post(client, "predict", url="https://a.example/x/b.png?y").json()["predictions"][0]
    assert (row["name"], row["label"]) == ("b.png", "green")


def test_a_url_that_cannot_be_fetched():
    def fetch(url):
        raise FetchError("the host a.example is not known")

    with open_client(FakeClassifier(), fetch=fetch) as client:
        response = post(client, "predict", url="https://a.example/")
    assert response.status_code == 422
    assert response.json() == {"error": "the host a.example is not known"}


@pytest.mark.parametrize(
    ("route", "fields", "status"),
    [
        ("predict", {"run": "none"}, 404),
        ("predict", {"run": "gray"}, 422),
        ("predict", {"top": "0"}, 422),
        ("predict", {"level": "nan"}, 422),
        ("predict", {"format": "exe"}, 422),
        ("explain", {"label": "mauve"}, 422),
        ("colorize", {"run": "colors"}, 422),
        ("nothing", {}, 404),
    ],
)
def test_mistakes_are_one_line_of_json(client, route, fields, status):
    response = post(client, route, ("a.png", encode()), **fields)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert "\n" not in response.json()["error"]


@pytest.mark.parametrize("fields", [{}, {"url": ""}, {"file": "text"}])
def test_no_file(client, fields):
    response = post(client, "predict", **fields)
    assert response.status_code == 422
    assert "file" in response.json()["error"]
    assert "Error" not in response.json()["error"]


def test_requests_at_the_same_time_are_one_batch():
    run, worker = FakeClassifier(), Worker(batch_seconds=0.2)
    with open_client(run, worker=worker) as client:
        while sum(run.batches) < 1 + 4 + 16:  # programs compiled in advance
            time.sleep(0.01)
        threads = [
            threading.Thread(target=post, args=(client, "predict", ("a", encode())))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert max(run.batches[3:]) > 1
    assert sum(run.batches[3:]) == 4


def test_a_full_queue_is_503_with_the_wait():
    run, statuses = FakeClassifier(), []
    run.gate.clear()

    def request():
        statuses.append(post(client, "predict", ("a", encode())))

    with open_client(run, worker=Worker(queue_length=2, max_batch=1)) as client:
        threads = [threading.Thread(target=request) for _ in range(8)]
        for thread in threads:
            thread.start()
        while sum(response.status_code == 503 for response in statuses) < 5:
            time.sleep(0.01)
        run.gate.set()
        for thread in threads:
            thread.join()
        metrics = client.get("/metrics").text
    busy = [response for response in statuses if response.status_code == 503]
    assert {response.status_code for response in statuses} == {200, 503}
    assert all(int(response.headers["retry-after"]) >= 1 for response in busy)
    assert f"gv_jax_busy_total {len(busy)}\n" in metrics
    assert f'gv_jax_requests_total{{route="/api/v1/predict",status="503"}} {len(busy)}' in metrics


def test_health_metrics_and_openapi(client):
    assert client.get("/healthz").json()["status"] == "ok"
    post(client, "predict", ("a", encode()))
    lines = client.get("/metrics").text.splitlines()
    assert 'gv_jax_requests_total{route="/api/v1/predict",status="200"} 1' in lines
    assert all(line.startswith(("#", "gv_jax_")) for line in lines)
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert {
        f"/api/v1/{name}" for name in ("runs", "predict", "explain", "colorize", "upscale")
    } <= (set(paths))


def test_a_failure_says_nothing_of_the_server():
    run = FakeClassifier()
    run.predict_arrays = None
    with open_client(run) as client:
        response = post(client, "predict", ("a", encode()))
    assert response.status_code == 500
    assert list(response.json()) == ["error"]
    assert "secret" not in response.text
    assert "None" not in response.text


def test_examples_can_be_predicted(client):
    for run, route in (("colors", "predict"), ("gray", "colorize"), ("large", "upscale")):
        example = client.get(f"/api/v1/examples/{run}/0").content
        assert post(client, route, ("a.png", example)).status_code == 200
        assert client.get(f"/api/v1/examples/{run}/99").status_code == 404
