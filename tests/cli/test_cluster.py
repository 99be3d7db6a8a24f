"""Which processes a command line, or the variables of a cluster, name."""

import socket
import subprocess
import sys

import pytest

from gv_jax.cli.cluster import Cluster, await_coordinator, find_cluster, parse_address
from gv_jax.cli.supervisor import explain_end, explain_loss
from gv_jax.cli.train import make_train_parser, train
from gv_jax.errors import LOST_STATUS, UserError

GIVEN = ("--coordinator=node1:29400", "--num-processes=4", "--process-id=3")
SLURM = {"SLURM_JOB_ID": "7", "SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "8"}


def parse(*options, environment=None):
    return find_cluster(make_train_parser().parse_args(options), environment or {})


def test_options_name_the_cluster_whatever_the_variables_say():
    expected = Cluster("node1:29400", 4, 3, 100)
    assert parse(*GIVEN) == parse(*GIVEN, environment=SLURM) == expected
    assert parse(*GIVEN, "--coordinator-timeout=7") == expected._replace(timeout=7)


@pytest.mark.parametrize("options", [(), ("--num-processes=1",), ("--coordinator-timeout=5",)])
def test_one_process_is_no_cluster(options):
    assert parse(*options) is None


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (SLURM, (8, 2)),
        ({**SLURM, "SLURM_STEP_NUM_TASKS": "1"}, None),
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, None),  # salloc, outside srun
        ({**SLURM, "GV_JAX_LEASED_STATUS": "75"}, None),  # a run of `search` or `ablate`
        ({"TPU_WORKER_HOSTNAMES": "t0,t1,t2,t3", "TPU_WORKER_ID": "1"}, (4, 1)),
        ({"TPU_WORKER_HOSTNAMES": "localhost", "TPU_WORKER_ID": "0"}, None),
        ({"MEGASCALE_NUM_SLICES": "2", "TPU_WORKER_HOSTNAMES": "t0,t1"}, (0, -1)),
    ],
)
def test_a_cluster_is_detected_by_its_variables(environment, expected):
    cluster = parse(environment=environment)
    assert (cluster and (cluster.num_processes, cluster.process_id)) == expected
    assert cluster is None or cluster.coordinator == ""


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (GIVEN[:1], ("--num-processes", "--process-id")),
        (GIVEN[1:], ("--coordinator",)),
        ((*GIVEN[:2], "--process-id=4"), ("--process-id=4", "--num-processes=4")),
        ((*GIVEN[:2], "--process-id=-1"), ("--process-id=-1",)),
        ((*GIVEN[1:], "--coordinator=node1"), ("node1", "HOST:PORT")),
        ((*GIVEN[1:], "--coordinator=node1:70000"), ("70000",)),
        ((*GIVEN, "--coordinator-timeout=0"), ("--coordinator-timeout", "0")),
        (("--num-processes=0", "--process-id=0", GIVEN[0]), ("--num-processes=0",)),
    ],
)
def test_options_that_do_not_fit_are_named(options, named):
    with pytest.raises(UserError) as error:
        parse(*options)
    assert all(text in str(error.value) for text in named)
    assert error.value.exit_status == 2


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.0.0.1:80", ("10.0.0.1", 80)), ("[::1]:2", ("::1", 2)), ("a-b.c:9", ("a-b.c", 9))],
)
def test_addresses(address, expected):
    assert parse_address(address) == expected


@pytest.mark.parametrize("mode", ["probe", "summary"])
def test_modes_that_take_one_process_reject_more(mode):
    with pytest.raises(UserError, match=mode):
        train([f"--mode={mode}", "--config=configs/quickstart.py", *GIVEN])


def test_the_coordinator_is_awaited():
    with socket.socket() as server:
        server.bind(("localhost", 0))
        server.listen()
        address = f"localhost:{server.getsockname()[1]}"
        assert 5 <= await_coordinator(Cluster(address, 2, 1, 30)) <= 30
        with pytest.raises(UserError, match=address.partition(":")[2]):
            await_coordinator(Cluster(address, 2, 0, 30))
    with pytest.raises(UserError, match=address):
        await_coordinator(Cluster(address, 2, 1, 0))
    assert await_coordinator(Cluster(address, 2, 0, 30)) == 30


@pytest.mark.parametrize(
    ("status", "fatal", "interrupted", "expected", "named"),
    [
        (0, "", False, 0, ""),
        (2, "", False, 2, ""),
        (-9, "", False, LOST_STATUS, "SIGKILL"),
        (-15, "", True, 130, "interrupted"),
        (-6, "unhealthy (stopped sending heartbeats):\n1\nThe", False, LOST_STATUS, "process 1"),
        (-6, "JAX distributed service: Socket closed", False, LOST_STATUS, "process 0"),
    ],
)
def test_the_end_of_a_process_is_explained_in_one_line(
    capsys, status, fatal, interrupted, expected, named
):
    assert explain_end(status, fatal, Cluster("a:1", 2, 0, 30), interrupted) == expected
    line = capsys.readouterr().err
    assert named in line
    assert line.count("\n") == bool(named)


def test_processes_that_do_not_meet_are_the_users_to_start():
    with pytest.raises(UserError, match=r"\b3\b.*\b30 s"):
        explain_end(-6, "RPC: RegisterTask", Cluster("a:1", 3, 0, 30), interrupted=False)


@pytest.mark.parametrize("text", ["UNKNOWN: Gloo AllGather failed", "Connection reset by peer"])
def test_an_error_that_a_lost_process_caused_is_no_crash(text):
    barrier = TimeoutError("Timed out while waiting for async_write_complete barrier.")
    wrapped = RuntimeError("a checkpoint could not be saved")
    wrapped.__cause__ = ValueError(text)
    for error in (ValueError(text), barrier, wrapped):
        assert getattr(explain_loss(error), "exit_status", None) == LOST_STATUS
    assert explain_loss(ValueError("a bug")) is None
    assert explain_loss(UserError(text)) is None


def test_the_parent_does_not_import_jax():
    program = "import sys, gv_jax.cli.supervisor, gv_jax.cli.train; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
