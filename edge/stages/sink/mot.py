"""tracks/<camera>.txt: where everybody was in every frame, as MOTChallenge lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

from edge.errors import RunError
from edge.records.identity import Decision, Settled
from edge.stages.sink.base import Sink
from edge.stages.sink.folder import writing
from edge.stages.sink.summary import RunSummary

__all__ = ["MotSink", "complete_tracks"]


class MotSink(Sink):
    """Writes ``frame,id,left,top,width,height,score,-1,-1,-1`` with the global id, 0 for unknown people.

    Rows are on disk when :meth:`settle` returns. Identities that merged later are renamed when the run ends,
    by copying the file; nothing is held in memory but the list of merges.

    Args:
        folder: the output folder; it has a folder ``tracks``.
        cameras: every camera gets a file, also if nobody passes it.

    Raises:
        RunError: a file cannot be opened.
    """

    def __init__(self, folder: Path, cameras: Sequence[str]) -> None:
        self._aliases: dict[int, int] = {}
        self._paths = {camera: folder / "tracks" / f"{camera}.txt" for camera in cameras}
        self._files: dict[str, TextIO] = {}
        for camera, path in self._paths.items():
            with writing(path):
                path.parent.mkdir(exist_ok=True)
                self._files[camera] = path.open("w", encoding="ascii", newline="\n")

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Take notice of merges, and of a split that brings a merged identity back."""
        for decision in decisions:
            if decision.type == "identity.merge":
                self.merge(decision.previous, decision.identity)
            elif decision.type == "identity.split":
                self._aliases.pop(decision.identity, None)

    def merge(self, old: int, new: int) -> None:
        """Write ``new`` where ``old`` was written, once the run has ended."""
        if old > 0 and new > 0 and self._present(new) != old:
            self._aliases[old] = new

    def settle(self, settled: Settled) -> None:
        """Write the rows of one camera."""
        rows = _rows(settled)
        with writing(self._paths[settled.camera]):
            self._files[settled.camera].write("".join(rows))
            self._files[settled.camera].flush()

    def close(self, summary: RunSummary) -> None:
        """Close every file and rename merged identities; the first error is raised after the last file."""
        first: RunError | None = None
        renames = {old: self._present(old) for old in self._aliases}
        for camera, path in self._paths.items():
            try:
                with writing(path):
                    self._files[camera].close()
                    if renames:
                        _rename_identities(path, renames)
            except RunError as error:
                first = first or error
        if first is not None:
            raise first

    def _present(self, identity: int) -> int:
        """Return what an identity is called now, following merges of merges."""
        while identity in self._aliases:
            identity = self._aliases[identity]
        return identity


def complete_tracks(folder: Path, settled: Iterable[Settled], present: Callable[[int], int]) -> None:
    """Complete the tracks of a run that was killed; boxes that are in a file already are left out.

    Args:
        folder: that run's, with a folder ``tracks``.
        settled: what it had not written.
        present: what an identity is called now, as merges are renamed at the end of a run.

    Raises:
        RunError: a file cannot be written.
    """
    rows = {one.camera: _rows(one) for one in settled}
    written = (path.stem for path in (folder / "tracks").glob("*.txt"))
    for camera in sorted({*rows, *written}):
        path = folder / "tracks" / f"{camera}.txt"
        with writing(path):
            with path.open("a+b") as file:
                file.seek(0)
                whole, _, _ = file.read().rpartition(b"\n")  # a row may have been cut short
                file.truncate(len(whole) + 1 if whole else 0)
                lines = whole.decode("ascii").splitlines()
                known = {_box_of(line) for line in lines}
                new = [row for row in rows.get(camera, ()) if _box_of(row) not in known]
                file.write("".join(new).encode("ascii"))
            identities = {int(line.split(",", 2)[1]) for line in (*lines, *new)}
            renames = {old: present(old) for old in identities if present(old) != old}
            if renames:
                _rename_identities(path, renames)


def _box_of(row: str) -> tuple[str, ...]:
    """Return what tells a row from the others of its file, whoever it is: frame and box."""
    frame, _, *rest = row.split(",")
    return (frame, *rest[:4])


def _rows(settled: Settled) -> list[str]:
    lefts_tops = settled.boxes_px[:, :2].tolist()
    sizes = (settled.boxes_px[:, 2:] - settled.boxes_px[:, :2]).tolist()
    return [
        f"{frame},{identity},{left:.2f},{top:.2f},{width:.2f},{height:.2f},{score:.4f},-1,-1,-1\n"
        for frame, identity, (left, top), (width, height), score in zip(
            settled.frames.tolist(),
            settled.identities.tolist(),
            lefts_tops,
            sizes,
            settled.scores.tolist(),
            strict=True,
        )
    ]


def _rename_identities(path: Path, renames: dict[int, int]) -> None:
    """Rewrite a file with other identities, leaving it as it is when none of them is in it."""
    texts = {str(old): str(new) for old, new in renames.items()}
    temporary = path.with_name(f".{path.name}.new")
    changed = False
    try:
        with path.open(encoding="ascii") as old_file, temporary.open("w", encoding="ascii") as new_file:
            for line in old_file:
                frame, identity, rest = line.split(",", 2)
                new = texts.get(identity)
                if new is None:
                    new_file.write(line)
                else:
                    changed = True
                    new_file.write(f"{frame},{new},{rest}")
        if changed:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
