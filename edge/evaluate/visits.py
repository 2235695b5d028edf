"""People who leave and come back: what an identity means in a truth and in a result.

Many truths give a person who returns a new id, because their makers followed people only while they were
in view. A system that recognises the person is then punished for it. Two remedies, which may be combined:
:func:`join_people` mends the truth with a list of ids that are one person; :func:`split_visits` takes the
recognition out of the result, so that only what happens within a visit is scored.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.evaluate.mot import MotBoxes

__all__ = ["join_people", "split_visits"]


def join_people(truth: MotBoxes, same: Path) -> MotBoxes:
    """Give ids of the truth that are one person one id, the lowest of them.

    Args:
        truth: the boxes.
        same: text file; each line lists two or more ids that are one person, separated by blanks or
            commas; ``#`` begins a comment. Lines that share an id speak of the same person.

    Raises:
        ConfigError: the file is missing or not text; a line is not a list of two or more ids, names one
            that the truth does not have, or joins two that are in one frame (with its number).
    """
    present = set(truth.ids.tolist())
    ids = truth.ids.copy()
    for number, line in enumerate(_lines(same), start=1):
        content = line.split("#", 1)[0].replace(",", " ").split()
        if not content:
            continue
        listed = _ids(content, present, str(same), number)
        members = ids[np.isin(truth.ids, listed)]  # what they are called by now, after the lines before
        joined = np.isin(ids, members)
        _refuse_two_in_one_frame(truth, joined, str(same), number)
        ids[joined] = members.min()
    return replace(truth, ids=ids)


def split_visits(result: MotBoxes, absent_max_frames: int) -> MotBoxes:
    """Give an identity a new id each time it comes back after a long absence.

    Args:
        result: the boxes; those with an id below 1 are left as they are.
        absent_max_frames: an identity without a box in more frames than this, one after the other, counts as
            another one from then on; 1 or more.

    Returns:
        The same boxes in the same order, one id for each visit, from 1.

    Raises:
        ConfigError: the number is below 1.
    """
    if absent_max_frames < 1:
        raise ConfigError(f"must be 1 or more (got {absent_max_frames})", key="--per-visit")
    order = np.lexsort((result.frames, result.ids))
    order = order[result.ids[order] >= 1]
    if not len(order):
        return result
    absent = np.diff(result.frames[order]) - 1
    begins = (np.diff(result.ids[order]) != 0) | (absent > absent_max_frames)
    ids = result.ids.copy()
    ids[order] = 1 + np.concatenate(([0], np.cumsum(begins)))
    return replace(result, ids=ids)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise ConfigError(
            "no such file; give a text file with a line of ids per person", file=str(file)
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(f"cannot be read: {reason}", file=str(file)) from None


def _ids(fields: list[str], present: set[int], file: str, number: int) -> list[int]:
    """The ids of one line."""
    listed: list[int] = []
    for field in fields:
        try:
            one = int(field)
        except ValueError:
            raise ConfigError(
                f"an id must be a whole number (got {field[:40]!r})", file=file, line=number
            ) from None
        if one not in present:
            raise ConfigError(f"the truth has no id {one}", file=file, line=number)
        listed.append(one)
    if len(set(listed)) < 2:
        raise ConfigError("a line names two or more ids that are one person", file=file, line=number)
    return listed


def _refuse_two_in_one_frame(truth: MotBoxes, joined: NDArray[np.bool_], file: str, number: int) -> None:
    """Raise ConfigError where two of the joined boxes are in one frame."""
    frames, counts = np.unique(truth.frames[joined], return_counts=True)
    if (counts > 1).any():
        frame = int(frames[counts > 1][0])
        both = sorted(truth.ids[joined & (truth.frames == frame)].tolist())
        raise ConfigError(
            f"ids {both[0]} and {both[1]} are both in frame {frame}, so they are two people",
            file=file,
            line=number,
        )
