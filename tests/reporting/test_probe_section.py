"""What a report states of a linear probe."""

import pytest

from gv_jax.reporting.probe_section import is_probe, probe_rows, summarize_probe

ROWS = [
    {"method": "ridge probe", "held_out_accuracy": 0.912, "low": 0.889, "high": 0.935},
    {"method": "majority class", "held_out_accuracy": 0.107, "low": 0.1, "high": 0.11},
]
TRAINING = {
    "penalty": 10.0,
    "penalties": [],
    "penalty_at_edge": False,
    "held_out": {"folds": [0.9] * 5},
    "probe_baselines": ROWS,
}


def test_the_summary_has_the_interval_and_the_baselines():
    text = summarize_probe(TRAINING)
    assert "5 folds" in text
    assert "91.2 % (95 % CI 88.9\N{EN DASH}93.5)" in text
    assert "majority class 10.7 %" in text
    assert "edge" not in text


def test_a_penalty_at_the_edge_is_stated():
    assert "10 is at the edge" in summarize_probe({**TRAINING, "penalty_at_edge": True})


@pytest.mark.parametrize("training", [{"penalty": 1.0}, {**TRAINING, "probe_baselines": []}])
def test_without_folds_or_of_an_older_run_there_is_no_summary(training):
    assert summarize_probe(training) == ""


def test_the_tables_are_of_probes_only():
    rows = probe_rows({"training": TRAINING})["probe_baselines"]
    assert [row["interval"] for row in rows] == [
        "88.9\N{EN DASH}93.5 %",
        "10.0\N{EN DASH}11.0 %",
    ]
    assert probe_rows({"training": {"best_step": 3}}) == {"probe_baselines": [], "penalties": []}
    assert is_probe({"training": TRAINING})
    assert not is_probe({"training": {"best_step": 3}})
