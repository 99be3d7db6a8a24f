"""What a run records of its initial weights: {"source", "license", ...}."""

from collections.abc import Mapping

from gv_jax.models.pretrained.license import WeightsLicense, read_license
from gv_jax.models.pretrained.license_names import UNKNOWN
from gv_jax.models.pretrained.load import ModelSection, find_weights_file

SEPARATOR = ", "  # of several licenses


def record_weights(section: ModelSection) -> dict[str, str]:
    """The source of the weights that `config.model` names and their license; {} for none.

    Absent values are left out; an unknown license is "unknown".
    """
    if not section.pretrained:
        return {}
    license = read_license(find_weights_file(section))
    record = {
        "source": section.pretrained,
        "license": SEPARATOR.join(license.ids) or str(license),
        "license_name": license.name,
        "license_link": license.link,
    }
    return {name: value for name, value in record.items() if value}


def recorded_license(record: Mapping[str, str]) -> WeightsLicense:
    """The license in a record."""
    ids = tuple(value for value in record["license"].split(SEPARATOR) if value != UNKNOWN)
    return WeightsLicense(ids, record.get("license_name", ""), record.get("license_link", ""))


def license_remark(record: Mapping[str, str]) -> str:
    """One line on a license that restricts the use of trained models; "" for others."""
    restriction = recorded_license(record).restriction if record else ""
    if not restriction:
        return ""
    return f"License of the weights {record['source']}: {recorded_license(record)}; {restriction}"
