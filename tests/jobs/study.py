"""Jobs of the tests: small processes that resume, hold the lease and record their execution."""

import hashlib
import sys
from pathlib import Path

from gv_jax.jobs.job import Job

ROOT = Path(__file__).parents[2]

# Each step is saved with a rename. The final state is a hash chain over all steps in order, so a
# lost or repeated step changes it. executions.txt has a line for each run that finished, starts.txt
# for each process that acquired the lease.
TRAIN = """
import hashlib, os, signal, sys, time
from pathlib import Path
from gv_jax.errors import UserError
from gv_jax.training.lease import lease

run_dir, folder = Path(sys.argv[1]), Path(sys.argv[4])
steps, pause = int(sys.argv[2]), float(sys.argv[3])
interrupted = []
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: interrupted.append(True))

def append(name):
    with open(folder / name, "a") as file:
        file.write(f"{run_dir.name} {os.getpid()}\\n")

def main():
    with lease(run_dir) as held:
        if (run_dir / "report.html").exists():
            return
        append("starts.txt")
        state_file = run_dir / "state.txt"
        step, state = 0, run_dir.name
        if state_file.exists():
            step, state = int(state_file.read_text().split()[0]), state_file.read_text().split()[1]
        for step in range(step + 1, steps + 1):
            time.sleep(pause)
            held.check()
            state = hashlib.sha256(f"{state} {step}".encode()).hexdigest()
            (run_dir / "partial").write_text(f"{step} {state}")
            (run_dir / "partial").replace(state_file)
            if interrupted:
                print("saved at step", step)
                sys.exit(130)
        if run_dir.name == "broken":
            raise UserError("it is broken")
        (run_dir / "partial").write_text(state)
        append("executions.txt")
        (run_dir / "partial").replace(run_dir / "report.html")

try:
    main()
except UserError as error:
    print("gv_jax:", error, file=sys.stderr)
    sys.exit(error.exit_status)
"""


def expected_state(name: str, steps: int) -> str:
    """The final state of the run `name` without interruption."""
    state = name
    for step in range(1, steps + 1):
        state = hashlib.sha256(f"{state} {step}".encode()).hexdigest()
    return state


class Study:
    """Jobs in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.script = folder / "train.py"
        if not self.script.exists():  # drivers that share the folder must not rewrite it
            self.script.write_text(TRAIN)

    def make_jobs(self, names: list[str], steps: int = 3, pause: float = 0.01) -> list[Job]:
        return [
            Job(
                name=name,
                command=(
                    *(sys.executable, str(self.script), str(self.folder / "runs" / name)),
                    *(str(steps), str(pause), str(self.folder)),
                ),
                run_dirs=(self.folder / "runs" / name,),
                log=self.folder / "logs" / f"{name}.log",
                cwd=ROOT,
            )
            for name in names
        ]

    def count_lines(self, name: str) -> dict[str, int]:
        """Run -> its number of lines in a file to which all runs append."""
        runs = [line.split()[0] for line in (self.folder / name).read_text().splitlines()]
        return {run: runs.count(run) for run in runs}

    def read_result(self, name: str) -> str:
        return (self.folder / "runs" / name / "report.html").read_text()
