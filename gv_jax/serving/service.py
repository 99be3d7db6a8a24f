"""What the routes share: the runs, the worker, and files from uploads or URLs."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import numpy as np
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from gv_jax.serving.limits import Limits
from gv_jax.serving.served_run import ServedRun
from gv_jax.serving.uploads import UploadError, clean_name, decode_image
from gv_jax.serving.worker import BatchFunction, BusyError, ExpiredError, Worker

Result = TypeVar("Result")

DECODERS = 2  # threads that decode images; with more, memory grows and not the speed
FETCHES = 8  # URLs that are fetched at once


@dataclass(frozen=True)
class File:
    """A file of a client: its name for display, and its bytes."""

    name: str
    data: bytes


@dataclass
class Service:
    """What the routes share.

    Attributes:
        runs: By name.
        worker: Calls the models.
        limits: Of each request.
        fetch: URL -> bytes; raises FetchError.
    """

    runs: Mapping[str, ServedRun]
    worker: Worker
    limits: Limits
    fetch: Callable[[str], bytes]
    decoders: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(DECODERS))
    fetches: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(FETCHES))

    def find_run(self, name: str | None, action: str) -> ServedRun:
        """The run of a name, or the first one that has the action.

        Raises:
            HTTPException: There is none.
        """
        if name:
            served = self.runs.get(name)
            if served is None:
                raise HTTPException(404, "no run has this name; GET /api/v1/runs lists them")
            if served.action != action:
                raise HTTPException(
                    422, f"the run {served.name} is for /api/v1/{served.action}, not for {action}"
                )
            return served
        for served in self.runs.values():
            if served.action == action:
                return served
        raise HTTPException(404, f"no run on this server can {action}")

    def check_capacity(self) -> None:
        """Raises BusyError before anything is read or decoded for a call that would be refused."""
        if self.worker.depth >= self.worker.queue_length:
            self.worker.num_refused += 1
            raise BusyError(self.worker.estimate_wait())

    async def read_files(self, uploads: Sequence[UploadFile], url: str | None) -> list[File]:
        """The files of a request: its uploads, or what its URL gives.

        Raises:
            UploadError: There are none, or too many.
            FetchError: The URL cannot be fetched.
        """
        self.check_capacity()
        if bool(url) == bool(uploads):
            raise UploadError(422, "give either files in the field file, or one url")
        if len(uploads) > self.limits.files:
            raise UploadError(413, f"give at most {self.limits.files} files at once")
        if url:
            if self.fetches.available_tokens < 1:
                raise BusyError(2)
            data = await self.in_thread(self.fetches, self.fetch, url)
            return [File(clean_name(url.partition("?")[0]), data)]
        return [File(clean_name(upload.filename), await upload.read()) for upload in uploads]

    async def read_file(self, uploads: Sequence[UploadFile], url: str | None) -> File:
        """The one file of a request.

        Raises:
            UploadError: There is another number of files.
            FetchError: The URL cannot be fetched.
        """
        if len(uploads) > 1:
            raise UploadError(422, "give one file")
        return (await self.read_files(uploads, url))[0]

    async def decode(self, file: File, max_pixels: int) -> np.ndarray:
        """The image in a file, uint8 [h w c].

        Raises:
            UploadError: It is none, damaged, or above `max_pixels`.
        """
        return await self.in_thread(self.decoders, decode_image, file.data, max_pixels)

    async def in_thread(
        self, limiter: anyio.CapacityLimiter, function: Callable[..., Result], *arguments: Any
    ) -> Result:
        """Calls a function in another thread, within the time of a request.

        Raises:
            ExpiredError: The time is over; the thread ends later.
        """
        try:
            with anyio.fail_after(self.limits.seconds):
                return await anyio.to_thread.run_sync(
                    partial(function, *arguments), limiter=limiter, abandon_on_cancel=True
                )
        except TimeoutError as error:
            raise ExpiredError from error

    async def call(self, function: BatchFunction, item: Any) -> Any:
        """Calls a function of batches in the worker, for one item.

        Raises:
            BusyError: The queue is full.
            ExpiredError: The time of a request is over.
        """
        seconds = self.limits.seconds
        future = asyncio.wrap_future(self.worker.submit(function, item, seconds))
        try:
            return await asyncio.wait_for(future, seconds)
        except TimeoutError as error:
            raise ExpiredError from error
