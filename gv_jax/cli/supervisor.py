"""One process of a run of several, and the parent that watches it.

Where a process of a run dies, or cannot join the others, `jax.distributed` ends the whole process
from C++ with a stack trace. So a command with several processes starts itself as a child, and the
parent, which never imports JAX, states in one line how the child ended. What Python prints in the
child goes straight to the parent's outputs; what libraries print goes through a pipe.

A parent that is killed takes its child along: the child watches a pipe that closes with the parent.
"""

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import NoReturn

from gv_jax.cli.cluster import Cluster, await_coordinator
from gv_jax.cli.flags import echo
from gv_jax.errors import INTERRUPTED_STATUS, LOST_STATUS, UserError, iter_causes

CHILD_VARIABLE = "GV_JAX_PROCESS"  # in a child: its pipe, outputs, and seconds left to join
MARGIN_S = 1.0  # seconds after the timeout at which a process that JAX still holds ends
MAX_REASON = 160  # characters of a library's message
RESUME = "run the same command in all processes to resume from the last checkpoint"

STATED = re.compile(r"gv_jax: exit status (\d+)$")
NOISE = re.compile(r"^\[Gloo\] Rank ")
FATAL = re.compile(r"coordination_service|JAX distributed service|Failed to add port to server")
SILENT = re.compile(r"stopped sending heartbeats\):?\s*(?:/job:\w+/replica:\d+/task:)?(\d+)")
# in the text of an exception that another process caused
LOST = re.compile(
    r"gloo|nccl|rccl|coordination.?service|connection (reset|closed) by peer|socket closed"
    r"|UNAVAILABLE|DEADLINE_EXCEEDED|waiting for .*barrier",
    re.IGNORECASE,
)


def is_child() -> bool:
    """Whether this process was started by `supervise`."""
    return CHILD_VARIABLE in os.environ


def supervise(arguments: Sequence[str], cluster: Cluster) -> int:
    """Runs `gv-jax train` with `arguments` as one process of `cluster`.

    Returns:
        Its exit status; LOST_STATUS if another process was lost.

    Raises:
        UserError: the processes did not meet.
    """
    seconds = await_coordinator(cluster)
    closing_with_parent, held = os.pipe()
    outputs = [os.dup(stream.fileno()) for stream in (sys.stdout, sys.stderr)]
    words = [closing_with_parent, *outputs, seconds]
    environment = {**os.environ, CHILD_VARIABLE: ",".join(map(str, words))}
    if cluster.process_id > 0:
        environment["TQDM_DISABLE"] = "1"
    with ExitStack() as stack:
        child = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "gv_jax.main", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=(closing_with_parent, *outputs),
                start_new_session=True,  # Ctrl-C reaches it through this process only
            )
        )
        for descriptor in (closing_with_parent, held, *outputs):
            stack.callback(os.close, descriptor)
        received = forward_signals(child)
        stated, fatal = copy_output(child)
        child.wait()
    if stated is not None:  # whatever ended the child afterwards
        return stated
    return explain_end(child.returncode, fatal, cluster, bool(received))


def forward_signals(child: "subprocess.Popen[bytes]") -> list[int]:
    """Sends SIGTERM and SIGINT on to `child`; returns the list of those received."""
    received: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        received.append(number)
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    return received


def copy_output(child: "subprocess.Popen[bytes]") -> tuple[int | None, str]:
    """Copies what libraries print to standard error, up to a fatal error.

    Returns:
        The exit status that the child stated with its error line; None without one. The text of
        the fatal error; "" without one.
    """
    stated: int | None = None
    fatal: list[str] = []
    assert child.stdout is not None
    for raw in child.stdout:
        line = raw.decode("utf-8", "replace")
        if match := STATED.match(line):
            stated = int(match[1])
        elif fatal or FATAL.search(line):
            fatal.append(line)
        elif not NOISE.match(line):
            sys.stderr.write(line)
            sys.stderr.flush()
    return stated, "".join(fatal)


def explain_end(status: int, fatal: str, cluster: Cluster, interrupted: bool) -> int:
    """The exit status to pass on; prints why the child ended, unless it did so itself.

    Args:
        status: of the child: negative for a signal.
        fatal: its fatal error.
        cluster: of the child.
        interrupted: whether it was sent SIGTERM or SIGINT.

    Raises:
        UserError: the processes did not meet.
    """
    if status >= 0 and not fatal:
        return status
    if "RegisterTask" in fatal or "already exists" in fatal or "incarnation" in fatal:
        raise explain_absence(cluster)
    if interrupted and status in (-signal.SIGTERM, -signal.SIGINT):
        sys.stderr.write("gv_jax: interrupted\n")
        return INTERRUPTED_STATUS
    if match := SILENT.search(fatal):
        reason = f"process {match[1]} was silent for {cluster.timeout} s"
    elif fatal:
        reason = "process 0, the coordinator, is gone (see its output)"
    else:
        reason = f"this process was ended by {signal.Signals(-status).name}"
    sys.stderr.write(f"gv_jax: {reason}: {RESUME}\n")
    return LOST_STATUS


def explain_absence(cluster: Cluster) -> UserError:
    """The error for processes that did not meet in time."""
    total = f"{cluster.num_processes} " if cluster.num_processes else ""
    return UserError(
        f"the {total}processes did not meet within {cluster.timeout} s: start each of them once, "
        "with the same --coordinator and --num-processes"
    )


def run_child(cluster: Cluster, run: Callable[[Callable[[str], None]], int]) -> int:
    """Joins the other processes and calls `run`; returns its exit status.

    An error ends the process at once, as the others would wait for a tidy one.

    Args:
        cluster: the processes.
        run: gets the function that prints a message for the user, which process 0 alone does.
    """
    closing_with_parent, *outputs, seconds = map(int, os.environ[CHILD_VARIABLE].split(","))
    sys.stdout, sys.stderr = (
        # The rule asks for `with`; these stay open as long as the process lives.
        open(descriptor, "w", encoding="utf-8", errors="replace", buffering=1)  # noqa: SIM115
        for descriptor in outputs
    )
    threading.Thread(target=end_with_parent, args=(closing_with_parent,), daemon=True).start()
    try:
        say = join(cluster, seconds)
        for number in (signal.SIGTERM, signal.SIGINT):  # so that the other processes learn of it
            signal.signal(number, signal.default_int_handler)
        status = run(say)
        leave()
    except BaseException as error:
        end(error)
    return status


def end_with_parent(descriptor: int) -> None:
    """Ends this process when the other end of a pipe is closed."""
    os.read(descriptor, 1)
    os._exit(1)


def join(cluster: Cluster, seconds: int) -> Callable[[str], None]:
    """Connects this process to the others; returns what prints its messages for the user.

    Args:
        cluster: the processes.
        seconds: until they must have started.
    """
    import jax

    jax.config.update("jax_enable_preemption_service", False)  # it replaces Python's SIGTERM
    named = {
        "coordinator_address": cluster.coordinator,
        "num_processes": cluster.num_processes,
        "process_id": cluster.process_id,
    }
    # JAX itself may wait for longer than its timeout
    watch = threading.Timer(seconds + MARGIN_S, give_up, (cluster,))
    watch.start()
    jax.distributed.initialize(
        **(named if cluster.coordinator else {}),
        initialization_timeout=seconds,
        heartbeat_timeout_seconds=cluster.timeout,
    )
    watch.cancel()
    from gv_jax import processes

    facts = {
        "--num-processes": cluster.num_processes or jax.process_count(),
        "the number of devices": jax.local_device_count(),
    }
    processes.check_equal("cluster", facts, "all processes need the same")
    processes.any_process(False)  # connects the devices, while all processes are here
    if processes.is_primary():
        return echo
    logging.getLogger("gv_jax").setLevel(logging.ERROR)
    return lambda text: None


def give_up(cluster: Cluster) -> NoReturn:
    """Ends this process, which has not met the others in time."""
    state_end(str(explain_absence(cluster)), UserError.exit_status)
    os._exit(UserError.exit_status)


def leave() -> None:
    """Waits for the others and disconnects."""
    import jax

    jax.distributed.shutdown()


def end(error: BaseException) -> NoReturn:
    """Prints `error`, tells the other processes, and ends this one."""
    from gv_jax import processes
    from gv_jax.errors import explain_unwritable

    error = explain_unwritable(error) or explain_loss(error) or error
    line, status = " ".join(str(error).split()), 1
    if isinstance(error, UserError):
        status = error.exit_status
    elif isinstance(error, KeyboardInterrupt):
        line, status = "interrupted", INTERRUPTED_STATUS
    elif isinstance(error, SystemExit):
        line, status = "", int(error.code or 0)
    else:
        traceback.print_exception(error)
        line = f"{type(error).__name__}: {line}"
    state_end(line, status)
    if not isinstance(error, processes.ProcessError | processes.LostProcessError):
        processes.report_failure(line, status)
    os._exit(status)


def state_end(line: str, status: int) -> None:
    """Prints why this process ends, and passes its exit status to the parent."""
    if line:
        sys.stderr.write(f"gv_jax: {line}\n")
    sys.stderr.flush()
    os.write(2, f"gv_jax: exit status {status}\n".encode())


def explain_loss(error: BaseException) -> UserError | None:
    """Why another process was lost, if that caused `error`: what it said, if it said anything."""
    from gv_jax import processes

    texts = [str(cause) for cause in iter_causes(error)]
    if isinstance(error, UserError) or not any(map(LOST.search, texts)):
        return None
    try:
        processes.raise_failure()
    except processes.ProcessError as failure:
        return failure
    except Exception:  # the coordinator is the lost process
        pass
    found = next(text for text in texts if LOST.search(text))
    return processes.LostProcessError(
        f"lost the connection to another process ({' '.join(found.split())[:MAX_REASON]}): {RESUME}"
    )
