"""Commands called in-process."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from gv_jax.cli.commands import COMMANDS
from gv_jax.cli.flags import run_command


@dataclass(frozen=True)
class Done:
    """What a command leaves: exit status, standard output and standard error."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs `gv-jax NAME WORDS…` in this process."""

    def call(name: str, *words: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            run_command(COMMANDS[name][0], [str(word) for word in words])
        code = stop.value.code
        captured = capsys.readouterr()
        return Done(code if isinstance(code, int) else 1, captured.out, captured.err)

    return call
