"""What the identify stage was told in a run, kept so that it can be told again.

Everything before identify (decoding, detecting, embedding) costs minutes and is the same whatever refine and
identify are set to. So a run is recorded once, right in front of identify, and played again with other
settings in seconds. Told the same with the same settings, identify says the same: it draws no random
numbers and looks at no clock but the tracklets'.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.evaluate.drawn_log import pack_arrivals, unpack_arrivals, without_pictures
from edge.records import Arrivals, Tracklet
from edge.stages.identify import Identifier, Outcome

__all__ = ["Recorder", "TrackletLog", "load_log", "save_log"]

FORMAT = "edge-reid/tracklets/1"
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)

Told = tuple[Tracklet, ...] | Arrivals | int
"""Tracklets that were added together, prototypes that had come, or the event time in ns at which decisions
were asked for."""

Drawn = Literal["as it was", "by reference", "nothing"]
"""What of the prototypes is told again. Where identities bear other numbers than in the run, a prototype is
given to whom its reference shows, ``by reference``."""


class TrackletLog:
    """What one identifier was told, in order. Grows with the run: for demonstrations and measurements.

    Attributes:
        cameras: names of all cameras.
        told: see :data:`Told`; pictures of people are left out.
    """

    def __init__(self, cameras: Sequence[str], told: Sequence[Told] = ()) -> None:
        self.cameras = tuple(cameras)
        self.told: list[Told] = list(told)

    def add(self, tracklets: Sequence[Tracklet]) -> None:
        """Note that tracklets were added."""
        if tracklets:
            self.told.append(tuple(replace(tracklet, crops=()) for tracklet in tracklets))

    def offer(self, arrivals: Arrivals) -> None:
        """Note that prototypes had come."""
        self.told.append(without_pictures(arrivals))

    def advance(self, now_ns: int) -> None:
        """Note that decisions were asked for."""
        self.told.append(now_ns)

    @property
    def prototypes(self) -> int:
        """How many prototypes had come."""
        return sum(len(told.prototypes) for told in self.told if isinstance(told, Arrivals))

    @property
    def tracklets(self) -> int:
        """How many tracklets have ended."""
        return sum(one.closed for told in self.told if isinstance(told, tuple) for one in told)

    def play(self, identifier: Identifier, drawn: Drawn = "as it was") -> Iterator[Outcome]:
        """Tell another identifier the same, to the end; yields what it says."""
        for told in self.told:
            if isinstance(told, tuple):
                identifier.add(told)
            elif isinstance(told, Arrivals):
                if drawn == "by reference":
                    identifier.offer(Arrivals(tuple(replace(one, identity=0) for one in told.prototypes)))
                elif drawn == "as it was":
                    identifier.offer(told)
            else:
                yield identifier.advance(told)
        yield identifier.close()


class Recorder:
    """An identifier that notes what it is told.

    Args:
        identifier: does the work.
        log: takes the notes.
    """

    def __init__(self, identifier: Identifier, log: TrackletLog) -> None:
        self._identifier = identifier
        self._log = log

    def add(self, tracklets: Sequence[Tracklet]) -> None:
        """Take new, grown or ended tracklets."""
        self._log.add(tracklets)
        self._identifier.add(tracklets)

    def offer(self, arrivals: Arrivals) -> None:
        """Take generated views of people."""
        self._log.offer(arrivals)
        self._identifier.offer(arrivals)

    def advance(self, now_ns: int) -> Outcome:
        """Decide what is due at this event time."""
        self._log.advance(now_ns)
        return self._identifier.advance(now_ns)

    def close(self) -> Outcome:
        """Decide and settle everything that is left."""
        return self._identifier.close()

    def identity_of(self, camera: str, track: int) -> int:
        """Return who a track is believed to be; 0 while unknown."""
        return self._identifier.identity_of(camera, track)

    @property
    def people(self) -> int:
        """Identities so far."""
        return self._identifier.people

    @property
    def unknown(self) -> int:
        """Tracklets that are nobody known."""
        return self._identifier.unknown

    @property
    def left_out(self) -> int:
        """Boxes that are not written because nobody can be named for them."""
        return self._identifier.left_out


def save_log(log: TrackletLog, path: Path) -> None:
    """Write a log as one .npz: every array field of the tracklets end to end, the rest as JSON.

    Raises:
        OSError: it cannot be written.
    """
    sent = [one for told in log.told if isinstance(told, tuple) for one in told]
    arrays: dict[str, NDArray[np.generic]] = {}
    plain: dict[str, list[object]] = {}
    shapes: dict[str, list[tuple[int, ...]]] = {}
    for name in _NAMES:
        values = [getattr(one, name) for one in sent]
        if values and isinstance(values[0], np.ndarray):
            shapes[name] = [value.shape for value in values]
            arrays[name] = np.concatenate([value.ravel() for value in values])
        else:
            plain[name] = values
    drawn, arrays["drawn"] = pack_arrivals([told for told in log.told if isinstance(told, Arrivals)])
    head = {
        "format": FORMAT,
        "cameras": log.cameras,
        "told": [_mark(told) for told in log.told],
        "drawn": drawn,
        "shapes": shapes,
        "plain": plain,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, head=np.array(json.dumps(head)), **arrays)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_log(path: Path) -> TrackletLog:
    """Read what :func:`save_log` wrote.

    Raises:
        ConfigError: the file is missing, or is none of ours.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            head = json.loads(str(found["head"]))
            if head["format"] != FORMAT:
                raise ValueError(head["format"])
            arrivals = unpack_arrivals(head["drawn"], found["drawn"]) if "drawn" in head else []
            columns = {name: _cut(found[name], shapes) for name, shapes in head["shapes"].items()}
        columns |= {name: [_plain(value) for value in values] for name, values in head["plain"].items()}
        rows = zip(*(columns[name] for name in _NAMES), strict=True)
        sent = iter([Tracklet(**dict(zip(_NAMES, row, strict=True)), crops=()) for row in rows])
        drawn = iter(arrivals)
        told: list[Told] = []
        for one in head["told"]:
            if isinstance(one, list):
                told.append(tuple(next(sent) for _ in range(one[0])))
            else:
                told.append(next(drawn) if one == "drawn" else int(one))
        return TrackletLog(head["cameras"], told)
    except _UNREADABLE as error:
        reason = (isinstance(error, OSError) and error.strerror) or "not a file of recorded tracklets"
        raise ConfigError(f"cannot be read: {reason}; record the run again", file=str(path)) from None


def _mark(told: Told) -> object:
    """What stands for it in the file's list: [how many tracklets], "drawn", or the time."""
    if isinstance(told, tuple):
        return [len(told)]
    return "drawn" if isinstance(told, Arrivals) else told


_NAMES = tuple(field.name for field in fields(Tracklet) if field.name != "crops")


def _cut(flat: NDArray[np.generic], shapes: Sequence[Sequence[int]]) -> list[object]:
    """Arrays of these shapes that lie end to end."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    pieces = np.split(flat, ends[:-1])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
