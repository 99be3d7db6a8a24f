"""`gv-jax audit`: find duplicates, leaks, label conflicts and odd images of a data set.

Takes the config of a run and examines its images as stored, before they are resized.
"""

from collections.abc import Sequence

from gv_jax.cli.flags import OneLineParser, echo, load_config, parse_path
from gv_jax.errors import UserError


def audit(arguments: Sequence[str]) -> None:
    """Writes audit.html, audit.json and figures, and prints the verdict."""
    parser = OneLineParser("audit", (__doc__ or "").partition(": ")[2])
    parser.add_argument("--config", metavar="FILE", default="", help="file under configs/")
    parser.add_argument("--output", metavar="DIR", type=parse_path, help="folder for audit.html")
    options, fields = parser.parse_with_fields(arguments)
    config = load_config(options.config, fields)
    if not options.output:
        raise UserError("give the output folder with --output=DIR, as in --output=audits/mine")

    from gv_jax.config.resolve import resolve
    from gv_jax.config.validate import validate
    from gv_jax.data.dataset import check_output, log_notes, prepare_builder
    from gv_jax.reporting.audit_page import write_audit_page

    folder, data = options.output, validate(resolve(config)).data
    check_output(data, folder, "the audit", "--output")
    builder = prepare_builder(data)
    log_notes(builder)
    try:
        verdict = write_audit_page(builder, folder)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror}); give another --output=DIR"
        ) from error
    echo(f"{verdict} Page: {folder / 'audit.html'}")
