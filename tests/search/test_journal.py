"""The journal of a search: half a line, an older format, a damaged or foreign file."""

import json

import optuna
import pytest

from gv_jax.errors import UserError
from gv_jax.search.report import write_search_report
from gv_jax.search.space import Categorical
from tests.search.stub import make_search, read_rows


def fill(search, scores):
    """Tells a score for every point of the grid."""
    study = search.open()
    for point, score in zip(search.grid, scores, strict=True):
        study.enqueue_trial(point)
        trial = study.ask()
        for name, values in search.space.items():
            values.suggest(trial, name)
        study.tell(trial, score)
    return study


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_search_goes_on_without_half_a_line(tmp_path, kept):
    search = make_search(tmp_path)
    fill(search, [0.1, 0.2, 0.3, 0.4])
    journal = search.folder / "journal.log"
    content = journal.read_bytes()
    start = content.rstrip(b"\n").rfind(b"\n") + 1
    last = content[start:]
    journal.write_bytes(content[:start] + last[:kept])
    study = search.open()
    assert journal.read_bytes().startswith(content[:start] + b"{")
    states = [trial.state for trial in study.get_trials()]
    assert states[:3] == [optuna.trial.TrialState.COMPLETE] * 3
    assert states[3] is not optuna.trial.TrialState.COMPLETE
    study.tell(3, 0.9)
    assert [trial.value for trial in search.open().get_trials()] == [0.1, 0.2, 0.3, 0.9]


def test_whole_lines_stay_as_they_are(tmp_path):
    search = make_search(tmp_path)
    fill(search, [0.1, 0.2, 0.3, 0.4])
    before = (search.folder / "journal.log").read_bytes()
    search.open()
    lines = (search.folder / "journal.log").read_bytes()
    assert lines.startswith(before)  # Optuna appends that the study is opened


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\xff\n",
        b"not json\n{}\n",
        b'{"some": "log"}\n',
        b'{"op_code": 99}\n',
        b'[1, 2]\n{"op_code": 0}\n',
    ],
)
def test_a_file_that_is_no_journal_is_one_line(tmp_path, content):
    search = make_search(tmp_path)
    search.folder.mkdir(parents=True)
    (search.folder / "journal.log").write_bytes(content)
    with pytest.raises(UserError, match=r"journal\.log.*--results") as caught:
        search.open()
    assert "\n" not in str(caught.value)


def test_a_search_of_an_older_format_is_one_line(tmp_path):
    search = make_search(tmp_path)
    search.folder.mkdir(parents=True)
    rows = [
        {"op_code": 0, "worker_id": "a", "study_name": "search", "directions": [2]},
        {"op_code": 2, "worker_id": "a", "study_id": 0, "user_attr": {"question": {"folds": 0}}},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (search.folder / "journal.log").write_text(text)
    with pytest.raises(UserError, match=r"older format.*--results"):
        search.open()


@pytest.mark.parametrize(
    "metric", ["ciede2000", "mae", "flicker", "colorfulness_error", "mse", "loss", "ece"]
)
def test_the_smallest_value_of_an_error_is_best_everywhere(tmp_path, metric):
    search = make_search(tmp_path, metric=f"valid.{metric}")
    text = write_search_report(search, fill(search, [0.4, 0.1, 0.3, 0.2]))
    assert text.rstrip().endswith("--config.a=2")
    assert [row["trial"] for row in read_rows(search)] == ["1", "3", "2", "0"]
    assert [line.split(" ")[1] for line in text.splitlines()[2:6]] == ["1", "3", "2", "0"]
    page = search.report.read_text()
    assert page.index("Trial 1") < page.index("Trial 3") < page.index("Trial 0")


def test_values_with_pipes_stay_in_their_cells(tmp_path):
    space = {"a": Categorical(("ü|pipe", "half/rate", "line\nbreak", "plain"))}
    search = make_search(tmp_path, space=space)
    text = write_search_report(search, fill(search, [0.1, 0.2, 0.3, 0.4]))
    table = text.partition("\n\n")[0].splitlines()
    assert len(table) == 6
    assert {line.replace(r"\|", "").count("|") for line in table} == {6}
