"""What a command prints on the licenses of the weights that its runs start from, once for each."""

from collections.abc import Iterable, Mapping
from typing import Any

from gv_jax.cli.flags import PRETRAINED, echo
from gv_jax.config.default import Config
from gv_jax.errors import UserError

NAME = "model.name"


def echo_license_remarks(config: Config, variants: Iterable[Mapping[str, Any]]) -> None:
    """Prints one line for each set of weights whose license restricts the use of trained models.

    Weights that cannot be read have no line: the runs that need them report why.

    Args:
        config: that the runs have in common.
        variants: the fields of each run that differ; others than those of weights have no effect.
    """
    from gv_jax.inference.initial_run import record_initial_weights
    from gv_jax.models.pretrained.weights_record import license_remark

    remarks = []
    models = [
        (str(fields.get(NAME, config.model.name)), fields.get(PRETRAINED, config.model.pretrained))
        for fields in variants
    ]
    for name, pretrained in dict.fromkeys(models):
        section = config.model.copy_and_resolve_references()
        section.name, section.pretrained = name, str(pretrained)
        try:
            remarks.append(license_remark(record_initial_weights(section)))
        except UserError:
            continue
    for remark in dict.fromkeys(filter(None, remarks)):
        echo(remark)
