"""What a person did wrong and can mend, in one line: what, where, and what to do."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Shown as one line, without a traceback; the command line exits with `exit_status`."""

    exit_status = 2


def unknown(kind: str, name: str, valid: Iterable[str]) -> UserError:
    """The error for a name that is in no table: says the nearest valid name, then all of them."""
    valid = sorted(valid)
    near = difflib.get_close_matches(name, valid, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UserError(f"no {kind} is called {name!r}{hint} Valid: {', '.join(valid)}")
