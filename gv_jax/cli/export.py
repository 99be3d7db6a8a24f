"""`gv-jax export`: write a finished run as a file that works without gv_jax.

RUN is the run directory of a finished run; nothing else is needed. The new folder has the model,
its configuration and a model card with a program that uses it.
"""

from collections.abc import Sequence

from gv_jax.cli.flags import OneLineParser, echo, parse_path

FORMAT_NAMES = ("safetensors", "stablehlo", "onnx", "web")
HELP = (
    "safetensors: weights, in the names of torchvision where these exist; stablehlo: a program for "
    "JAX; onnx: a model for ONNX runtimes; web: a page that runs in a browser"
)


def export(arguments: Sequence[str]) -> int:
    """Writes the folder and prints its path."""
    parser = OneLineParser("export", (__doc__ or "").partition(": ")[2])
    parser.add_argument("run", metavar="RUN", type=parse_path, help="run directory")
    parser.add_argument("--format", choices=FORMAT_NAMES, required=True, help=HELP)
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=parse_path,
        default=None,
        help="the new folder; by default the name of the run and the format",
    )
    parser.add_argument(
        "--ort-dir",
        metavar="DIR",
        type=parse_path,
        default=None,
        help="web: a folder with the files of onnxruntime-web; by default they are downloaded",
    )
    options = parser.parse_args(arguments)

    from gv_jax.export.export import export_run

    output = export_run(options.run, options.format, options.output, options.ort_dir)
    echo(f"Exported {options.run} to {output}: start with {output / 'README.md'}")
    return 0
