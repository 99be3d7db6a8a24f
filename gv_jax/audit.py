"""Look for copies, wrong labels and other flaws of a data set: `python -m gv_jax.audit --config=… --output=DIR`.

Takes the configuration of a run and looks at its pictures as they are, before they are resized.
"""

from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from gv_jax import command_line
from gv_jax.command_line import say
from gv_jax.errors import UserError

OUTPUT = flags.DEFINE_string("output", "", "Folder that audit.html, audit.json and figures/ are written to.")


def act(config: ConfigDict) -> None:
    """Writes the audit of the data of `config`, and says on standard output what came out."""
    from gv_jax.checks import check
    from gv_jax.data import audit
    from gv_jax.evaluation import audit_page
    from gv_jax.evaluation.page import to_html
    from gv_jax.settings import open_pictures, resolved
    from gv_jax.training.run_folder import write_json, write_text

    if not OUTPUT.value:
        raise UserError("say where to write with --output=DIR, for example --output=audits/mine")
    config = resolved(config)
    check(config)
    folder = Path(OUTPUT.value).expanduser()
    builder = open_pictures(config.data)
    found = audit.of(builder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "audit.json", audit.to_json(found))
        page = to_html(audit_page.page(found, builder.picture, folder / "figures"))
        write_text(folder / "audit.html", page.encode("utf-8", "replace").decode())
    except OSError as error:
        raise UserError(f"{folder}: cannot be written to ({error.strerror}); give another --output=DIR") from error
    say(f"{audit_page.verdict(found, dropped=False)} Page: {folder / 'audit.html'}")


if __name__ == "__main__":
    command_line.run(act, ["output"])
