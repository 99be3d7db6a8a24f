"""Look for copies, wrong labels and other flaws of a data set: `python -m gv_jax.cli.audit --config=… --output=DIR`.

Takes the configuration of a run and looks at its pictures as they are, before they are resized.
"""

from pathlib import Path

from absl import flags as absl_flags
from ml_collections import ConfigDict

from gv_jax.cli import flags
from gv_jax.cli.flags import echo
from gv_jax.errors import UserError

OUTPUT = absl_flags.DEFINE_string(
    "output", "", "Folder that audit.html, audit.json and figures/ are written to."
)


def run_audit_command(config: ConfigDict) -> None:
    """Writes the audit of the data of `config`, and says on standard output what came out."""
    from gv_jax.config.validate import validate
    from gv_jax.data import audit
    from gv_jax.reporting import audit_page
    from gv_jax.reporting.page import to_html
    from gv_jax.settings import prepare_builder, resolve_config
    from gv_jax.training.run_dir import write_json, write_text

    if not OUTPUT.value:
        raise UserError("say where to write with --output=DIR, for example --output=audits/mine")
    config = resolve_config(config)
    validate(config)
    folder = Path(OUTPUT.value).expanduser()
    builder = prepare_builder(config.data)
    found = audit.audit_dataset(builder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "audit.json", audit.audit_to_json(found))
        page = to_html(audit_page.make_audit_page(found, builder.picture, folder / "figures"))
        write_text(folder / "audit.html", page.encode("utf-8", "replace").decode())
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written to ({error.strerror}); give another --output=DIR"
        ) from error
    echo(f"{audit_page.audit_verdict(found, dropped=False)} Page: {folder / 'audit.html'}")


if __name__ == "__main__":
    flags.run_command(run_audit_command, ["output"])
