"""The ASGI application: page, JSON API, health and metrics."""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gv_jax.data.formats.header import CorruptImageError
from gv_jax.errors import UserError
from gv_jax.serving.api import PREFIX, make_router
from gv_jax.serving.clips import Clips
from gv_jax.serving.examples import make_examples
from gv_jax.serving.fetch_url import fetch_url
from gv_jax.serving.generation import make_warm_order
from gv_jax.serving.guard import Guard
from gv_jax.serving.limits import Limits
from gv_jax.serving.metrics import Metrics
from gv_jax.serving.served_run import ServedRun, hide_paths, name_runs
from gv_jax.serving.service import Service
from gv_jax.serving.uploads import UploadError, decode_image
from gv_jax.serving.worker import BusyError, ExpiredError, Worker

FOLDER = Path(__file__).parent
ASSETS = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "generate.js": "text/javascript; charset=utf-8",
}
EXAMPLE_PIXELS = 2**22  # at most
WARM_BATCHES = (1, 4, 16)  # numbers of images that programs are compiled for in advance

logger = logging.getLogger(__name__)


def create_app(
    runs: Sequence[Any],
    hosts: Collection[str] | None = None,
    ancestors: str = "'none'",
    limits: Limits | None = None,
    fetch: Callable[[str], bytes] = fetch_url,
    worker: Worker | None = None,
) -> Guard:
    """The application for some runs.

    Args:
        runs: As of `load_run`.
        hosts: Host names that requests may be for; None for all.
        ancestors: Sites that may show the page in a frame, as in a content security policy.
        limits: Of each request.
        fetch: URL -> bytes.
        worker: Calls the models; closed with the application.
    """
    limits = limits or Limits()
    served, worker, metrics = name_runs(runs), worker or Worker(), Metrics()
    service = Service(served, worker, limits, fetch)
    clips = Clips(worker, limits)
    examples = {name: make_examples(run) for name, run in served.items()}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            for name, run in served.items():
                warm_up(run, worker, examples[name])
            yield
        finally:
            clips.close()
            worker.close()

    app = FastAPI(
        title="gv_jax",
        summary="Predictions and images of finished runs",
        version="1",
        docs_url=None,  # these pages load scripts of another host
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        lifespan=lifespan,
    )
    app.include_router(make_router(service, clips, examples))
    add_pages(app, served, examples)
    add_state(app, worker, metrics)
    add_error_handlers(app, served)
    return Guard(app, limits, metrics, hosts, ancestors)


def warm_up(served: ServedRun, worker: Worker, examples: Sequence[bytes]) -> None:
    """Compiles programs while nothing waits: for batches, or for images as large as an example.

    Those of generation fit all requests.
    """
    if served.action == "predict":
        image = served.prepare(np.zeros((8, 8, 3), np.uint8))
        for count in WARM_BATCHES:
            worker.submit_idle(served.predict, image.repeat(count, 0))
    elif served.action == "generate":
        worker.submit_idle(served.generate, make_warm_order(served.run))
    elif examples:
        function = served.colorize if served.action == "colorize" else served.upscale
        worker.submit_idle(function, decode_image(examples[0], EXAMPLE_PIXELS))


def add_pages(
    app: FastAPI, served: Mapping[str, ServedRun], examples: Mapping[str, Sequence[bytes]]
) -> None:
    """Adds the page and its files, which are held in memory: no route reads a path."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True
    )
    described = [run.describe() | {"examples": len(examples[name])} for name, run in served.items()]
    page = environment.get_template("page.html.jinja").render(runs=described)
    files = {name: (FOLDER / name).read_bytes() for name in ASSETS}

    @app.get("/", include_in_schema=False)
    async def get_page() -> Response:
        return Response(page, media_type="text/html")

    @app.get("/page.css", include_in_schema=False)
    async def get_style() -> Response:
        return Response(files["page.css"], media_type=ASSETS["page.css"])

    @app.get("/page.js", include_in_schema=False)
    async def get_script() -> Response:
        return Response(files["page.js"], media_type=ASSETS["page.js"])

    @app.get("/generate.js", include_in_schema=False)
    async def get_generation_script() -> Response:
        return Response(files["generate.js"], media_type=ASSETS["generate.js"])


def add_state(app: FastAPI, worker: Worker, metrics: Metrics) -> None:
    """Adds the routes for monitoring."""

    @app.get("/healthz", include_in_schema=False)
    async def get_health() -> dict[str, Any]:
        return {"status": "ok", "queue_length": worker.depth}

    @app.get("/metrics", include_in_schema=False)
    async def get_metrics() -> Response:
        return Response(metrics.render(worker), media_type="text/plain; version=0.0.4")


def add_error_handlers(app: FastAPI, served: Mapping[str, ServedRun]) -> None:
    """Every error is JSON, {"error": one line}."""

    def respond(status: int, message: str, **headers: str) -> JSONResponse:
        return JSONResponse({"error": hide_paths(message, served)}, status, headers=headers)

    @app.exception_handler(HTTPException)
    async def handle_http(_: Request, error: HTTPException) -> Response:
        return respond(error.status_code, str(error.detail), **(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def handle_invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = next((part for part in first["loc"] if part != "body"), "request")
        if field == "file":
            return respond(422, "file: this is no file; with curl, give -F file=@NAME")
        return respond(422, f"{field}: {first['msg']}")

    @app.exception_handler(UserError)
    @app.exception_handler(CorruptImageError)
    async def handle_user(_: Request, error: Exception) -> Response:
        return respond(error.status if isinstance(error, UploadError) else 422, str(error))

    @app.exception_handler(BusyError)
    async def handle_busy(_: Request, error: BusyError) -> Response:
        return respond(503, str(error), **{"retry-after": str(error.retry_seconds)})

    @app.exception_handler(ExpiredError)
    async def handle_expired(_: Request, error: ExpiredError) -> Response:
        return respond(503, "the request took too long: try again", **{"retry-after": "5"})

    @app.exception_handler(Exception)
    async def handle_other(_: Request, error: Exception) -> Response:
        return respond(500, "the server failed; its log says why")
