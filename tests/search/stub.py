"""A search whose runs are small scripts that log epochs and write results."""

import csv
import json
import sys
from collections import Counter
from pathlib import Path

from gv_jax.search.space import Categorical
from gv_jax.search.trials import Search, TrialRun

ROOT = Path(__file__).parents[2]
RUN = """
import json, signal, sys, time
from pathlib import Path
from gv_jax.errors import UserError
from gv_jax.training.lease import lease

run_dir, fields, pause = Path(sys.argv[1]), json.loads(sys.argv[2]), float(sys.argv[3])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

def main():
    with open(sys.argv[4], "a") as file:
        file.write(f"{run_dir.parent.name}/{run_dir.name}\\n")
    if fields["a"] == 99:
        raise UserError("a=99 is out of range")
    score = 1 - (fields["a"] - 3) ** 2 / 100 - 0.02 * fields.get("data.fold", 0)
    log = run_dir / "metrics.jsonl"
    logged = len(log.read_text().splitlines()) if log.exists() else 0
    for epoch in range(logged + 1, 9):
        time.sleep(pause)
        row = {"step": epoch, "epoch": epoch, "split": "valid", "accuracy": score * epoch / 8}
        with log.open("a") as file:
            file.write(json.dumps(row) + "\\n")
    (run_dir / "results.json").write_text(json.dumps({"valid": {"accuracy": score}}))
    (run_dir / "report.html").write_text("finished")

try:
    with lease(run_dir):
        main()
except UserError as error:
    print("gv_jax:", error, file=sys.stderr)
    sys.exit(error.exit_status)
"""
DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from gv_jax.jobs.local import LocalEngine
from gv_jax.search.runner import run_trials
from tests.search.stub import make_search

search = make_search(Path(sys.argv[2]), pause=float(sys.argv[3]))
sys.exit(0 if run_trials(search, LocalEngine(1)) else 130)
"""
GRID = {"a": Categorical((1, 2, 3, 4))}


class StubRun(TrialRun):
    """A run that executes RUN."""

    @property
    def command(self) -> tuple[str, ...]:
        search = self.search
        assert isinstance(search, StubSearch)
        starts = str(search.folder / "starts.txt")
        fields = json.dumps(dict(self.fields))
        return (sys.executable, "-c", RUN, str(self.path), fields, str(search.pause), starts)


class StubSearch(Search):
    """A search whose runs are stubs."""

    pause = 0.0  # seconds per epoch

    def make_run(self, number, values, fold):
        run = super().make_run(number, values, fold)
        return StubRun(run.path, run.fields, self)


def make_search(folder: Path, pause: float = 0.0, **changes: object) -> StubSearch:
    fields = {
        "config": "configs/quickstart.py",
        "space": GRID,
        "method": "grid",
        "n_trials": 6,
        "folds": 0,
        "metric": "valid.accuracy",
        "folder": folder / "search",
        "prune": False,
    }
    search = StubSearch(**{**fields, **changes})
    object.__setattr__(search, "pause", pause)
    return search


def read_rows(search: Search) -> list[dict[str, str]]:
    """The rows of table.csv."""
    return list(csv.DictReader((search.folder / "table.csv").read_text().splitlines()))


def count_starts(search: Search) -> Counter[str]:
    """Trial and fold -> number of times that its process started."""
    return Counter((search.folder / "starts.txt").read_text().split())
