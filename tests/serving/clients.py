"""A client of the application in this process, as a browser on the same host."""

import contextlib

from starlette.testclient import TestClient

from gv_jax.serving.app import create_app
from gv_jax.serving.limits import Limits
from gv_jax.serving.worker import Worker


def refuse_url(url):
    raise AssertionError(f"{url} was fetched")


@contextlib.contextmanager
def open_client(*runs, worker=None, limits=None, fetch=refuse_url, hosts=("localhost",), **options):
    """A client of a server for `runs` that runs until the end of the block."""
    limits, worker = limits or Limits(), worker or Worker(batch_seconds=0.001)
    app = create_app(runs, hosts, limits=limits, fetch=fetch, worker=worker, **options)
    with TestClient(app, "http://localhost", raise_server_exceptions=False) as client:
        yield client


def post(client, route, *files, headers=None, **fields):
    """POSTs files, each (name, data) or (name, data, type), with form fields."""
    uploads = [("file", file) for file in files]
    return client.post(f"/api/v1/{route}", files=uploads or None, data=fields, headers=headers)
