"""Body of ``edge health``: whether a run is alive, by the age of its summary.json; quick, for containers."""

from __future__ import annotations

import json as jsonlib
import time
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Health", "health", "judge"]

NOT_ALIVE = 4
NOT_BEGUN = 3


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a run.

    alive: it goes on, and has written a few seconds ago.
    exit_code: 0 alive, 3 nothing was written yet, 4 it has ended or hangs.
    reason: in words.
    age_s: seconds since summary.json was written; None where there is none.
    cameras: state of each.
    """

    alive: bool
    exit_code: int
    reason: str
    age_s: float | None
    cameras: dict[str, str]


def judge(out: Path, max_age_s: float, *, cameras: bool, now_s: float) -> Health:
    """Say whether the run that writes to a folder is alive.

    Args:
        out: the folder.
        max_age_s: how old summary.json may be; it is written every five seconds.
        cameras: whether a run without one connected camera counts as not alive.
        now_s: the time since the epoch.
    """
    file = out / "summary.json"
    try:
        age_s = max(0.0, now_s - file.stat().st_mtime)
        summary = jsonlib.loads(file.read_text(encoding="utf-8"))
        states = {name: str(row["state"]) for name, row in summary["cameras"].items()}
        ended = summary["exit"]
    except FileNotFoundError:
        return Health(False, NOT_BEGUN, f"there is no {file} yet", None, {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{file} cannot be read: {type(error).__name__}: {error}"
        return Health(False, NOT_ALIVE, reason, None, {})
    if ended is not None:
        return Health(False, NOT_ALIVE, f"the run ended with exit code {ended}", age_s, states)
    if age_s > max_age_s:
        reason = f"{file} is {age_s:.0f} s old: the run hangs or is gone"
        return Health(False, NOT_ALIVE, reason, age_s, states)
    connected = sum(state == "connected" for state in states.values())
    words = f"{connected} of {len(states)} cameras connected"
    if cameras and not connected:
        return Health(False, NOT_ALIVE, words, age_s, states)
    return Health(True, 0, words, age_s, states)


def health(out: Path, max_age_s: float, cameras: bool, json: bool) -> int:
    """Print whether a run is alive; returns the exit code."""
    found = judge(out, max_age_s, cameras=cameras, now_s=time.time())
    if json:
        print(jsonlib.dumps(asdict(found), indent=2))
    else:
        print(f"{'alive' if found.alive else 'not alive'}: {found.reason}")
    return found.exit_code
