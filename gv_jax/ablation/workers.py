"""Runs what is missing of a study in processes of their own, so that one that fails takes nothing with it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from gv_jax.ablation.claims import BEAT, Claim, claimed
from gv_jax.ablation.study import Ablation, Run
from gv_jax.errors import UserError
from gv_jax.vectorized import SEPARATOR, VMAPPED_FIELDS

GIGABYTES_PER_RUN = 3.0  # of memory, to decide how many runs go on at once
LOOK = 0.2  # seconds between two looks at a process


@dataclass(frozen=True)
class Worker:
    """Takes one run after the other; `cores` of the CPU are all that it uses, where the system can do that.

    together: how many runs that differ in numbers only it takes at once, to be trained in one program.
    """

    study: Ablation
    cores: Sequence[int]
    stop: threading.Event
    together: int = 1
    alone: set[str] = field(
        default_factory=set
    )  # runs that others did not take with them to the end

    def work(self) -> None:
        """Until every run has finished or failed, here or with another worker, or `stop` is set."""
        while not self.stop.is_set():
            states = {run.name: run.state for run in self.study.runs}
            if all(state in ("finished", "failed") for state in states.values()):
                return
            busy = False
            for group in self.groups():
                with ExitStack() as held:
                    claims = [
                        (run, held.enter_context(claimed(self.study.claims, run.name)))
                        for run in group
                    ]
                    mine = [
                        (run, claim)
                        for run, claim in claims
                        if claim is not None and not run.folder.finished
                    ]
                    if mine and not self.stop.is_set():
                        busy = True
                        self.execute(mine)
            if not busy:
                self.stop.wait(2.0)

    def groups(self) -> list[list[Run]]:
        """The runs that are missing, by the program that they could share."""
        kinds: dict[str, list[Run]] = {}
        for run in self.study.runs:
            if run.state not in ("finished", "failed"):
                single = self.together == 1 or run.name in self.alone
                kinds.setdefault(run.name if single else run.kind(VMAPPED_FIELDS), []).append(run)
        size = self.together
        return [
            runs[start : start + size]
            for runs in kinds.values()
            for start in range(0, len(runs), size)
        ]

    def execute(self, mine: Sequence[tuple[Run, Claim]]) -> None:
        """Starts the runs, in one program if they are several, and waits for its end; notes why one failed."""
        runs, claims = [run for run, _ in mine], [claim for _, claim in mine]
        runs[0].log.parent.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with runs[0].log.open("ab") as log:
            start = log.tell()
            process = subprocess.Popen(
                runs[0].command if len(runs) == 1 else command_together(runs),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": str(len(self.cores))},
                pass_fds=[descriptor for claim in claims for descriptor in claim.inherited],
            )
            confine(process.pid, self.cores)
            overruled = self.watch(process, claims)
        for run in runs:
            if overruled or self.stop.is_set() or run.folder.finished:
                tell(run, "given up: another worker has it" if overruled else outcome(run), began)
            elif len(runs) > 1:
                self.alone.add(run.name)
                tell(run, "did not come to its end with the others: goes on by itself", began)
            else:
                with run.log.open("rb") as log:
                    log.seek(start)
                    said = log.read().decode(errors="replace")
                run.fail(last_words(said, process.returncode))
                tell(run, f"failed: {run.failure}", began)

    def watch(self, process: subprocess.Popen, claims: Sequence[Claim]) -> bool:
        """Beats until the process ends; ends it by SIGTERM on `stop`. True if a claim was overruled."""
        beaten, overruled, asked = time.monotonic(), False, False
        while process.poll() is None:
            if time.monotonic() - beaten > BEAT:
                beaten = time.monotonic()
                alive = [claim.beat() for claim in claims]
                overruled = overruled or not all(alive)
            if (self.stop.is_set() or overruled) and not asked:
                process.send_signal(signal.SIGTERM)  # saves, then ends
                asked = True
            time.sleep(LOOK)
        return overruled


def command_together(runs: Sequence[Run]) -> list[str]:
    """Of one program that trains them all."""
    words: list[str] = []
    for run in runs:
        words += [SEPARATOR] * bool(words) + [f"--workdir={run.folder.path}", *run.arguments]
    return [sys.executable, "-m", "gv_jax.vectorized", *words]


def run_missing(study: Ablation, workers: int, together: int) -> bool:
    """Runs what is missing with so many processes at once, each of which trains up to `together` runs; False if a
    signal cut it short."""
    stop = threading.Event()
    return spread(lambda cores: Worker(study, cores, stop, together).work(), workers, stop)


def spread(work: Callable[[Sequence[int]], None], workers: int, stop: threading.Event) -> bool:
    """Calls `work` with a share of the cores in each of so many threads; False if a signal cut it short.

    SIGTERM, Ctrl-C and an error in any of them set `stop`, on which all should end; the error is then raised.
    """
    errors: list[BaseException] = []
    cores = available()

    def safely(share: Sequence[int]) -> None:
        try:
            work(share)
        except BaseException as error:
            errors.append(error)
            stop.set()

    shares = [cores[index::workers] or cores for index in range(workers)]
    threads = [
        threading.Thread(target=safely, args=(share,), name=f"worker {share}") for share in shares
    ]
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if errors:
        raise errors[0]
    return not stop.is_set()


def default_workers() -> int:
    """One on an accelerator, which one run fills; on the CPU as many as cores and memory allow, a core for each."""
    found = subprocess.run(
        [sys.executable, "-c", "import jax; print(jax.default_backend())"],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.stdout.strip() != "cpu":
        return 1
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        memory = GIGABYTES_PER_RUN
    return max(1, min(len(available()), int(memory / GIGABYTES_PER_RUN)))


def available() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def confine(pid: int, cores: Sequence[int]) -> None:
    """Keeps a process to `cores`; XLA makes as many threads as it finds cores."""
    if hasattr(os, "sched_setaffinity"):
        try:
            os.sched_setaffinity(pid, cores)
        except (OSError, ProcessLookupError):  # ended already, or not allowed here
            return


def last_words(said: str, code: int) -> str:
    """The last line that a failed process wrote, or how it ended."""
    lines = [line.strip() for line in said.replace("\r", "\n").splitlines() if line.strip()]
    if code < 0:
        return f"ended by signal {signal.Signals(-code).name}"
    return lines[-1].removeprefix("gv_jax: ") if lines else f"ended with status {code}"


def outcome(run: Run) -> str:
    """What a run ended with, in words."""
    if not run.folder.finished:
        return "stopped; the same command goes on from there"
    try:
        return f"{run.study.metric} {run.value:.4f}"
    except UserError as error:
        return f"finished, but {error}"


def tell(run: Run, what: str, began: float) -> None:
    """A line to the person at the terminal."""
    runs = run.study.runs
    done = sum(other.state in ("finished", "failed") for other in runs)
    sys.stdout.write(
        f"[{done}/{len(runs)}] {run.variant}, seed {run.seed}: {what} ({time.monotonic() - began:.0f} s)\n"
    )
    sys.stdout.flush()
