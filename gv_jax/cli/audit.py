"""`gv-jax audit`: find duplicates, leaks, label conflicts, tiny and single-color images.

    gv-jax audit images --output=audits/images
    gv-jax audit --config=configs/simpsons.py --output=audits/simpsons

Takes a folder of class folders, which needs no split, or the config of a run with the split of that
run. Examines the images as stored, before they are resized.
"""

from collections.abc import Sequence
from pathlib import Path

from gv_jax.cli.flags import OneLineParser, apply_fields, echo, load_config, parse_path
from gv_jax.config.default import Config
from gv_jax.errors import UserError


def audit(arguments: Sequence[str]) -> None:
    """Writes audit.html, audit.json and figures, and prints the verdict."""
    parser = OneLineParser("audit", (__doc__ or "").partition(": ")[2])
    parser.add_argument("folder", metavar="DIR", nargs="?", type=parse_path, help="class folders")
    parser.add_argument("--config", metavar="FILE", default="", help="instead of DIR: a config")
    parser.add_argument("--output", metavar="DIR", type=parse_path, help="folder for audit.html")
    options, fields = parser.parse_with_fields(arguments)
    if (options.folder is None) == (not options.config):
        raise UserError("give a folder, as in gv-jax audit images, or a config as --config=FILE")
    if options.config:
        config = load_config(options.config, fields)
    else:
        config = apply_fields(make_folder_config(options.folder), fields)
    if not options.output:
        raise UserError("give the output folder with --output=DIR, as in --output=audits/mine")

    from gv_jax.config.resolve import resolve
    from gv_jax.config.validate import validate
    from gv_jax.data.dataset import log_notes, prepare_builder
    from gv_jax.data.output_folder import check_output
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


def make_folder_config(folder: Path) -> Config:
    """The default config for a folder of class folders, without a random split."""
    from gv_jax.config import default

    config = default.get_config()
    config.update_from_flattened_dict(
        {
            "data.name": "image_folder",
            "data.path": str(folder),
            "data.valid_fraction": 0.0,
            "data.test_fraction": 0.0,
        }
    )
    return config
