"""The journal of a search: Optuna's file of operations, which several processes append to."""

from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from gv_jax.errors import UserError

STUDY_NAME = "search"


def open_study(file: Path, pruner: optuna.pruners.BasePruner, maximize: bool) -> optuna.Study:
    """The study in a journal, new or existing.

    Args:
        file: of the journal.
        pruner: of the study.
        maximize: whether higher scores are better.

    Raises:
        UserError: the file is not a journal, or its study has the other direction.
    """
    remove_partial_line(file)
    path, direction = str(file), "maximize" if maximize else "minimize"
    try:
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path))),
            pruner=pruner,
            study_name=STUDY_NAME,
            direction=direction,
            load_if_exists=True,
        )
        study.get_trials(deepcopy=False)
    except OSError:
        raise
    except Exception as error:  # what a foreign or damaged line causes depends on the line
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise UserError(
            f"{file} is damaged, or of another version of Optuna ({type(error).__name__}: "
            f"{reason}): remove {file.parent}, or give another --results"
        ) from error
    if study.direction.name.lower() != direction:
        raise UserError(
            f"{file} has a search that is to {study.direction.name.lower()} the metric, not to "
            f"{direction} it: remove {file.parent}, or give another --results"
        )
    return study


def remove_partial_line(file: Path) -> None:
    """Removes a last line without its end, which a killed process left.

    Other processes append under the lock only, and read whole lines only.
    """
    if not file.exists():
        return
    lock = JournalFileOpenLock(str(file))
    lock.acquire()
    try:
        content = file.read_bytes()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            with file.open("r+b") as journal:
                journal.truncate(end)
    finally:
        lock.release()
