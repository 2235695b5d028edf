"""How a command ends: its exit code, and one line instead of a traceback for what the user can mend.

====  ==========================================================
code  meaning
====  ==========================================================
0     done
2     the command line, or a file the user wrote, is wrong
3     cannot start
4     died while running; also any error that is our own mistake
130   interrupted (Ctrl-C)
141   nobody reads standard output any more (as in ``| head``)
====  ==========================================================
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from edge.errors import ConfigError, EdgeError

__all__ = ["run_and_exit"]

INTERNAL_ERROR = 4
INTERRUPTED = 130
NOBODY_READS = 141


def run_and_exit(body: Callable[[], int]) -> NoReturn:
    """Run a command's body and end the process with its exit code.

    Args:
        body: does the work and returns the exit code. An :class:`edge.errors.EdgeError` it raises becomes
            one line on standard error and that error's exit code.

    Raises:
        SystemExit: always.
    """
    sys.exit(_exit_code(body))


def _exit_code(body: Callable[[], int]) -> int:
    try:
        code = body()
        sys.stdout.flush()
    except EdgeError as error:
        _report(error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # What is still buffered would raise once more while the interpreter shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except Exception:  # noqa: BLE001  the main thread's outermost edge
        import traceback

        _say(traceback.format_exc().rstrip())
        _say("this is a mistake in edge-reid; please report it with the lines above")
        return INTERNAL_ERROR
    return code


def _report(error: EdgeError) -> None:
    """Print the error, and whatever else was found wrong with the same file, one line each."""
    others = getattr(error, "more", ()) if isinstance(error, ConfigError) else ()
    for one in (error, *others):
        _say(str(one).replace("\n", " "))


def _say(text: str) -> None:
    """Print to standard error. Errors carry no credentials; a traceback of someone else's might."""
    from edge.config.secrets import redact

    print(redact(text), file=sys.stderr)
