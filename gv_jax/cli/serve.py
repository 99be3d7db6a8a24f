"""`gv-jax serve`: web page and JSON API of finished runs.

    gv-jax serve runs/quickstart runs/colorize_quickstart

Open the address that is printed. Other computers reach the server only with another --host.
--export-space writes a folder for a hosted Docker Space instead; its README says how to start it.
"""

import argparse
import sys
from collections.abc import Sequence

from gv_jax.cli.flags import OneLineParser, echo, parse_path
from gv_jax.errors import UserError

MAX_PORT = 65_535


def make_serve_parser() -> OneLineParser:
    parser = OneLineParser("serve", (__doc__ or "").partition(": ")[2])
    parser.add_argument("runs", metavar="RUN", nargs="+", type=parse_path, help="run directories")
    parser.add_argument(
        "--port", type=parse_port, default=7860, metavar="N", help="TCP port (7860); 0: a free one"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on (127.0.0.1); 0.0.0.0 for all of this computer",
    )
    parser.add_argument(
        "--export-space",
        type=parse_path,
        metavar="DIR",
        help="write a folder for a hosted Docker Space, and serve nothing",
    )
    parser.add_argument(
        "--with-images",
        action="store_true",
        help="with --export-space: include stored thumbnails of training images",
    )
    return parser


def parse_port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give 0 to {MAX_PORT}")
    return int(text)


def serve(arguments: Sequence[str]) -> None:
    """Serves until it is interrupted, or writes the folder of a Space.

    Raises:
        UserError: A run cannot be used, or the address cannot be listened on.
    """
    options = make_serve_parser().parse_args(arguments)
    if options.with_images and not options.export_space:
        raise UserError("--with-images is for --export-space: give both, or none")
    try:
        from gv_jax.serving.server import is_loopback, open_listener, serve_runs
        from gv_jax.serving.space import export_space
    except ImportError as error:
        raise UserError(f"serving requires {error.name}: pip install -e '.[serve]'") from error
    if options.export_space:
        echo(export_space(options.runs, options.export_space, images=options.with_images))
        return
    with open_listener(options.host, options.port) as listener:  # before the runs are loaded
        if not is_loopback(listener):
            sys.stderr.write("gv_jax: note: other computers reach this server, without password\n")
        serve_runs(
            options.runs,
            listener,
            lambda address: echo(f"serving at {address} (Ctrl-C ends it)"),
        )
