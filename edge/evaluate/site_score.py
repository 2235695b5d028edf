"""Tracking scores of a whole site: every camera by itself, and all of them with identities in common.

Cameras show different pictures, so no box of one can be a box of another, but a person has one identity in
all of them. Laid one after another as one long sequence of frames, the cameras are scored by the very
metrics that score one camera (:mod:`edge.evaluate.tracking`): with the identities as they are for the
figures *across* cameras, with each camera's identities kept apart for the overall ones.

Here a box of the truth whose seventh column is 0, or that lies in ``hidden/``, does not count; see
:mod:`edge.evaluate.ignored`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.errors import ConfigError
from edge.evaluate.ignored import leave_out_ignored
from edge.evaluate.mot import MotBoxes, read_mot
from edge.evaluate.tracking import TrackingScore, read_people, score_boxes

__all__ = ["SiteScore", "evaluate_site", "read_site_truth", "require_common_camera", "score_site"]

HIDDEN = "hidden"
NOBODY = MotBoxes(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty((0, 4)), np.empty(0))


@dataclass(frozen=True, slots=True)
class SiteScore:
    """How well the results of a site's cameras follow their truths.

    overall: all boxes of all cameras, a person of one camera being nobody in the next; counts of
        identities are those of ``across``.
    across: the same boxes with one identity per person in all cameras.
    cameras: each by itself, by name; none where that was not asked for.
    missing: cameras whose result was not there; all their people count as missed.
    unscored: cameras that have a result but no truth; left out.
    """

    overall: TrackingScore
    across: TrackingScore
    cameras: Mapping[str, TrackingScore]
    missing: tuple[str, ...] = ()
    unscored: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The scores by their lower-case names, ready for ``json.dumps``; some only with several cameras."""
        found: dict[str, object] = dict(self.overall.as_json())
        if len(self.cameras) > 1:
            found["cross_camera_idf1"] = self.across.idf1
            found["cross_camera_hota"] = self.across.hota
        found["cameras"] = {name: score.as_json() for name, score in self.cameras.items()}
        for key, names in (("missing", self.missing), ("unscored", self.unscored)):
            if names:
                found[key] = list(names)
        return found

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for each camera that one of the two folders lacks."""
        return (
            *(f"camera '{name}': no result, so everybody there counts as missed" for name in self.missing),
            *(f"camera '{name}': no truth, so its result is left out" for name in self.unscored),
        )


def evaluate_site(truth_dir: Path, result_dir: Path, scale: float = 1.0) -> SiteScore:
    """Score a folder of results, as ``edge-run`` writes it, against a folder of truths.

    Args:
        truth_dir: holds ``truth/<camera>.txt``, or ``<camera>.txt``, with the same ids in all cameras. Who is
            in ``hidden/<camera>.txt`` beside it does not count, see :mod:`edge.evaluate.ignored`.
        result_dir: holds ``tracks/<camera>.txt``, or ``<camera>.txt``.
        scale: what to multiply the truth's boxes by.

    Raises:
        ConfigError: a folder is missing, a file malformed, no camera is in both, or nobody is in the truth.
        MissingExtraError: TrackEval is not installed.
    """
    truths = read_site_truth(truth_dir, scale)
    results = _files(result_dir, "tracks")
    require_common_camera(truths, results, result_dir)
    found = {camera: read_mot(results[camera]) if camera in results else NOBODY for camera in truths}
    return replace(
        score_site(truths, found),
        missing=tuple(camera for camera in truths if camera not in results),
        unscored=tuple(camera for camera in results if camera not in truths),
    )


def read_site_truth(truth_dir: Path, scale: float = 1.0) -> dict[str, MotBoxes]:
    """Read the truth of all cameras; see :func:`evaluate_site`.

    Raises:
        ConfigError: the folder is missing, a file malformed, or nobody is in it.
    """
    files = _files(truth_dir, "truth")
    truths = {camera: _with_hidden(path, scale) for camera, path in files.items()}
    if not any(map(len, truths.values())):
        raise ConfigError("holds no boxes, so nothing can be scored against it", file=str(truth_dir))
    return truths


def require_common_camera(truths: Iterable[str], results: Iterable[str], place: Path | str) -> None:
    """Refuse a truth and results that have no camera in common.

    Raises:
        ConfigError: it is so; names both, and ``place``.
    """
    if not set(truths) & set(results):
        raise ConfigError(
            f"no camera has both: truth of {_listed(truths)}, results of {_listed(results)}; "
            "the files are called after their camera",
            file=str(place),
        )


def score_site(
    truths: Mapping[str, MotBoxes], results: Mapping[str, MotBoxes], *, each: bool = True
) -> SiteScore:
    """Score boxes in memory.

    Args:
        truths: camera to its truth; the same ids mean the same people in all of them.
        results: the same cameras.
        each: whether to score each camera by itself too, a third of the work.

    Raises:
        MissingExtraError: TrackEval is not installed.
    """
    pairs = {camera: leave_out_ignored(truth, results[camera]) for camera, truth in truths.items()}
    true = [pair[0] for pair in pairs.values()]
    found = [pair[1] for pair in pairs.values()]
    across = score_boxes(*_one_after_another(true, found))
    apart = _one_after_another(_keep_apart(true, least=0), _keep_apart(found, least=1))
    overall = score_boxes(*apart)
    return SiteScore(
        overall=replace(overall, truth_ids=across.truth_ids, result_ids=across.result_ids),
        across=across,
        cameras={camera: score_boxes(*pair) for camera, pair in pairs.items()} if each else {},
    )


def _files(folder: Path, inner: str) -> dict[str, Path]:
    """The text files of a folder, or of the one in it called ``inner``, by camera."""
    place = folder / inner if (folder / inner).is_dir() else folder
    if not place.is_dir():
        raise ConfigError("no such folder", file=str(folder))
    files = {path.stem: path for path in sorted(place.glob("*.txt"))}
    if not files:
        raise ConfigError(
            f"holds no <camera>.txt, neither itself nor in a folder '{inner}'", file=str(folder)
        )
    return files


def _with_hidden(path: Path, scale: float) -> MotBoxes:
    """One camera's people, and those in ``hidden/`` beside the file, who do not count."""
    people = read_people(path, scale)
    hidden = path.parent / HIDDEN / path.name
    if not hidden.is_file():
        return people
    more = read_people(hidden, scale)
    return _joined([people, replace(more, confidences=np.zeros(len(more)))])


def _listed(cameras: Iterable[str]) -> str:
    names = list(cameras)
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _one_after_another(truths: Sequence[MotBoxes], results: Sequence[MotBoxes]) -> tuple[MotBoxes, MotBoxes]:
    """The cameras as one long sequence: each one's frames come after the frames of the one before."""
    begin = 0
    true, found = [], []
    for truth, result in zip(truths, results, strict=True):
        true.append(replace(truth, frames=truth.frames + begin))
        found.append(replace(result, frames=result.frames + begin))
        begin += max(int(truth.frames.max(initial=0)), int(result.frames.max(initial=0)))
    return _joined(true), _joined(found)


def _keep_apart(cameras: Sequence[MotBoxes], least: int) -> list[MotBoxes]:
    """The same boxes with ids that no two cameras have in common; those below ``least`` name nobody."""
    apart = []
    taken = 0
    for boxes in cameras:
        apart.append(replace(boxes, ids=np.where(boxes.ids >= least, boxes.ids + taken, boxes.ids)))
        taken += int(boxes.ids.max(initial=0)) + 1
    return apart


def _joined(parts: Sequence[MotBoxes]) -> MotBoxes:
    return MotBoxes(
        frames=np.concatenate([part.frames for part in parts]),
        ids=np.concatenate([part.ids for part in parts]),
        boxes_ltwh_px=np.concatenate([part.boxes_ltwh_px for part in parts]),
        confidences=np.concatenate([part.confidences for part in parts]),
    )
