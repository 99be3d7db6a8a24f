"""The routes below /api/v1."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, HTTPException, Response, UploadFile
from fastapi import File as FileField
from fastapi.responses import FileResponse, JSONResponse

from gv_jax.inference.generation.generator_run import check_strength
from gv_jax.serving.clips import Clips
from gv_jax.serving.generation import MAX_IMAGES, Order, encode_images, is_tileable, zip_images
from gv_jax.serving.prediction_files import write_csv, write_zip
from gv_jax.serving.predictor import Options, predict_files
from gv_jax.serving.service import Service
from gv_jax.serving.uploads import encode_png, to_data_uri
from gv_jax.training.layouts import MIN_TIME

PREFIX = "/api/v1"
PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/json": {"example": {"error": text}}}}
    for status, text in (
        (404, "No such run, clip or example"),
        (413, "Too many bytes, pixels, files or frames"),
        (415, "Not an image or clip of a known kind"),
        (422, "Damaged file, refused URL, or a parameter out of range"),
        (503, "Busy; the header Retry-After gives the seconds to wait"),
    )
}
MEDIA_TYPES = {".mp4": "video/mp4", ".webm": "video/webm", ".mkv": "video/x-matroska"}

Run = Annotated[str | None, Form(description="Name of the run; by default the first that fits")]
Uploads = Annotated[list[UploadFile], FileField(description="Image file")]
Url = Annotated[str | None, Form(description="http or https URL of an image, instead of a file")]


def make_router(service: Service, clips: Clips, examples: Mapping[str, list[bytes]]) -> APIRouter:
    """The routes.

    Args:
        service: Runs and worker.
        clips: Colorized clips.
        examples: PNG files by name of the run.
    """
    router = APIRouter(prefix=PREFIX, responses=ERRORS)
    add_information(router, service, examples)
    add_predictions(router, service)
    add_images(router, service)
    add_clips(router, service, clips)
    add_generation(router, service)
    return router


def add_information(
    router: APIRouter, service: Service, examples: Mapping[str, list[bytes]]
) -> None:
    """Adds the routes that list runs and give their example images."""

    @router.get("/runs", summary="List the runs")
    async def list_runs() -> dict[str, Any]:
        return {"runs": [served.describe() for served in service.runs.values()]}

    @router.get("/examples/{run}/{index}", summary="An example image", responses=PNG)
    async def get_example(run: str, index: int) -> Response:
        files = examples.get(run, [])
        if not 0 <= index < len(files):
            raise HTTPException(404, "there is no such example")
        return Response(files[index], media_type="image/png")


def add_predictions(router: APIRouter, service: Service) -> None:
    """Adds the routes of classifiers."""

    @router.post("/predict", summary="Classify images")
    async def predict(
        run: Run = None,
        file: Uploads = [],  # noqa: B006 - FastAPI copies it
        url: Url = None,
        top: Annotated[int, Form(ge=1, le=100, description="Number of classes")] = 5,
        level: Annotated[float, Form(gt=0, lt=1, description="Of the prediction set")] = 0.9,
        nearest: Annotated[
            int, Form(ge=0, le=12, description="Number of training images, of a single file")
        ] = 0,
        format: Annotated[
            Literal["json", "csv", "zip"],
            Form(description="zip: the files in a folder per class"),
        ] = "json",
    ) -> Response:
        served = service.find_run(run, "predict")
        files = await service.read_files(file, url)
        rows = await predict_files(service, served, files, Options(top, level, nearest))
        if format == "csv":
            return attach(write_csv(rows), "text/csv; charset=utf-8", "predictions.csv")
        if format == "zip":
            data = [item.data for item in files]
            archive = await service.in_thread(service.decoders, write_zip, rows, data)
            return attach(archive, "application/zip", "sorted.zip")
        return JSONResponse({"run": served.name, "predictions": rows})

    @router.post("/explain", summary="Show what a prediction is based on", responses=PNG)
    async def explain(
        run: Run = None,
        file: Uploads = [],  # noqa: B006 - FastAPI copies it
        url: Url = None,
        method: Annotated[str, Form(max_length=40)] = "grad_cam",
        label: Annotated[str | None, Form(description="By default the predicted class")] = None,
    ) -> Response:
        served = service.find_run(run, "predict")
        if label is not None and label not in served.run.classes:
            raise HTTPException(422, "the run has no class of this name")
        upload = await service.read_file(file, url)
        image = await service.decode(upload, service.limits.pixels)
        overlay = await service.call(served.explain, (image, method, label))
        return await png_response(service, overlay)


def add_images(router: APIRouter, service: Service) -> None:
    """Adds the routes whose result is an image."""

    @router.post("/upscale", summary="Double the size of an image", responses=PNG)
    async def upscale(
        run: Run = None,
        file: Uploads = [],  # noqa: B006 - FastAPI copies it
        url: Url = None,
    ) -> Response:
        served = service.find_run(run, "upscale")
        upload = await service.read_file(file, url)
        image = await service.decode(upload, service.limits.output_pixels)
        return await png_response(service, await service.call(served.upscale, image))

    @router.post("/image", summary="The first frame of an image file as PNG", responses=PNG)
    async def convert(
        file: Uploads = [],  # noqa: B006 - FastAPI copies it
        url: Url = None,
    ) -> Response:
        upload = await service.read_file(file, url)
        return await png_response(service, await service.decode(upload, service.limits.pixels))


def add_clips(router: APIRouter, service: Service, clips: Clips) -> None:
    """Adds the routes of colorization, which also takes clips."""

    @router.post(
        "/colorize",
        summary="Colorize an image or a clip",
        responses=PNG | {202: {"description": "A clip; GET /clips/{id} gives its progress"}},
    )
    async def colorize(
        run: Run = None,
        file: Uploads = [],  # noqa: B006 - FastAPI copies it
        url: Url = None,
    ) -> Response:
        served = service.find_run(run, "colorize")
        upload = await service.read_file(file, url)
        start = partial(clips.start, served, upload.data)
        clip = await service.in_thread(service.decoders, start)
        if clip is not None:
            return JSONResponse(clip.describe(), 202)
        image = await service.decode(upload, service.limits.output_pixels)
        return await png_response(service, await service.call(served.colorize, image))

    @router.get("/clips/{clip_id}", summary="Progress of a clip")
    async def get_clip(clip_id: str) -> dict[str, Any]:
        clip = clips.find(clip_id)
        if clip is None:
            raise HTTPException(404, "there is no such clip, or it was deleted")
        return clip.describe()

    @router.get("/clips/{clip_id}/file", summary="A colorized clip", response_class=FileResponse)
    async def get_clip_file(clip_id: str) -> FileResponse:
        clip = clips.find(clip_id)
        if clip is None or clip.result is None:
            raise HTTPException(404, "there is no such clip, or it is not finished")
        suffix = clip.result.suffix
        return FileResponse(
            clip.result, media_type=MEDIA_TYPES[suffix], filename=f"colorized{suffix}"
        )


def add_generation(router: APIRouter, service: Service) -> None:
    """Adds the route of generators."""

    @router.post("/generate", summary="Generate images of a class, or vary an image")
    async def generate(
        label: Annotated[str, Form(description="Class of the images")],
        run: Run = None,
        count: Annotated[int, Form(ge=1, le=MAX_IMAGES, description="Number of images")] = 12,
        seed: Annotated[int, Form(ge=0, lt=2**32, description="Of the noise")] = 0,
        guidance: Annotated[
            float | None, Form(ge=0, le=20, description="Weight of the class; 1: as in training")
        ] = None,
        tileable: Annotated[
            bool | None, Form(description="Repeats without a seam; by default as the class")
        ] = None,
        palette: Annotated[int | None, Form(ge=1, le=256, description="Colors per image")] = None,
        file: Uploads = [],  # noqa: B006 - FastAPI copies it
        url: Url = None,
        strength: Annotated[
            float | None, Form(ge=0, le=1, description="How far a given image is changed")
        ] = None,
        layout_time: Annotated[
            float | None,
            Form(ge=MIN_TIME, le=1, description="How exactly the layout of an image is followed"),
        ] = None,
        format: Annotated[Literal["json", "zip"], Form(description="zip: PNG files")] = "json",
    ) -> Response:
        served = service.find_run(run, "generate")
        served.run.find_label(label)
        check_strength(strength, is_variation=bool(file or url))
        sampling = served.run.sampling(seed, guidance, None, tileable, strength, layout_time)
        upload, like = None, None
        if file or url:
            upload = await service.read_file(file, url)
            image = await service.decode(upload, service.limits.pixels)
            like = await service.in_thread(service.decoders, served.run.prepare_image, image)
        order = Order(label, count, sampling, palette, None if like is None else like.tobytes())
        images = await service.call(served.generate, order)
        arguments = (served.run, order, images, upload and upload.name)
        files = await service.in_thread(service.decoders, encode_images, *arguments)
        if format == "zip":
            return attach(zip_images(files), "application/zip", "generated.zip")
        described = {"run": served.name, "label": label, "seed": seed}
        described |= {"tileable": is_tileable(served.run, order), "names": list(files)}
        return JSONResponse(described | {"images": [to_data_uri(d) for d in files.values()]})


async def png_response(service: Service, pixels: Any) -> Response:
    """uint8 [h w c] as a PNG file."""
    data = await service.in_thread(service.decoders, encode_png, pixels)
    return Response(data, media_type="image/png")


def attach(data: bytes, media_type: str, name: str) -> Response:
    """A file that browsers save."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=media_type, headers=headers)
