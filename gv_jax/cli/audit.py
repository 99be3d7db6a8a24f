"""`gv-jax audit`: find duplicates, leaks, label conflicts and odd images of a data set.

Takes the config of a run and examines its images as stored, before they are resized.
"""

from collections.abc import Sequence
from pathlib import Path

from gv_jax.cli.flags import OneLineParser, echo, load_config
from gv_jax.errors import UserError


def audit(arguments: Sequence[str]) -> None:
    """Writes audit.html, audit.json and figures, and prints the verdict."""
    parser = OneLineParser("audit", (__doc__ or "").partition(": ")[2])
    parser.add_argument("--config", metavar="FILE", default="", help="file under configs/")
    parser.add_argument("--output", metavar="DIR", default="", help="folder for audit.html")
    options, fields = parser.parse_with_fields(arguments)
    config = load_config(options.config, fields)
    if not options.output:
        raise UserError("give the output folder with --output=DIR, as in --output=audits/mine")

    from gv_jax.config.resolve import resolve
    from gv_jax.config.validate import validate
    from gv_jax.data.dataset import prepare_builder
    from gv_jax.reporting.audit_page import write_audit_page

    builder = prepare_builder(validate(resolve(config)).data)
    folder = Path(options.output).expanduser()
    try:
        verdict = write_audit_page(builder, folder)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror}); give another --output=DIR"
        ) from error
    echo(f"{verdict} Page: {folder / 'audit.html'}")
