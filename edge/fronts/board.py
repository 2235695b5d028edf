"""What the cameras of a run are doing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from edge.errors import EdgeError, SourceError, StageError
from edge.flow import ChannelStats
from edge.fronts.parts import Watched
from edge.stages.capture import CameraState
from edge.stages.sink import CameraLine, CameraRow

__all__ = ["Board"]

_log = logging.getLogger(__name__)

_RATE_OVER_S = 2.0
_LEVELS = {"connected": logging.INFO, "ended": logging.INFO}


@dataclass(slots=True)
class _Post:
    """One camera: who reads it, what its lane has done, and how fast it was lately."""

    reader: Watched
    stats: Callable[[], ChannelStats]
    sampled_s: float = 0.0
    sampled_frames: int = 0
    fps: float = 0.0


class Board:
    """Every camera's last state, its failure, its counts.

    :meth:`on_state` and :meth:`fail` are called by the cameras' threads, the rest by the main thread.
    """

    def __init__(self) -> None:
        self._posts: dict[str, _Post] = {}
        self._failures: dict[str, EdgeError] = {}

    def attach(self, reader: Watched, stats: Callable[[], ChannelStats]) -> None:
        """Add a camera and the counters of the lane its frames go into."""
        self._posts[reader.name] = _Post(reader, stats)

    def on_state(self, state: CameraState) -> None:
        """Log a change of state; of a camera that stays away, fewer and fewer."""
        if state.kind == "failed":
            return  # logged by fail()
        if state.kind != "retrying" or state.attempt <= 3 or state.attempt % 10 == 0:
            _log.log(_LEVELS.get(state.kind, logging.WARNING), "%s", state.message)

    def fail(self, camera: str, error: EdgeError) -> None:
        """Note that a camera is given up for good; the others go on."""
        self._failures[camera] = error
        cause = error.__cause__ if isinstance(error, StageError) else None
        if cause is not None or len(self._posts) > 1:  # else it is what the run ends with
            _log.error("%s; the other cameras go on", error, exc_info=cause)

    @property
    def failures(self) -> tuple[EdgeError, ...]:
        """Errors of the cameras that were given up, in the order of the cameras."""
        return tuple(self._failures[camera] for camera in self._posts if camera in self._failures)

    @property
    def has_frames(self) -> bool:
        """Whether any camera has given a frame."""
        return any(post.stats().puts for post in self._posts.values())

    def silence(self, remedy: str) -> tuple[EdgeError, ...]:
        """Say of each camera why there is no frame of it; for when there is none of any."""
        return tuple(
            self._failures.get(camera) or SourceError(f"{_last_words(camera, post.reader.state)}; {remedy}")
            for camera, post in self._posts.items()
        )

    def rows(self, wall_s: float) -> dict[str, CameraRow]:
        """Return the cameras' rows of summary.json.

        Args:
            wall_s: seconds the run has taken so far.
        """
        rows = {}
        for camera, post in self._posts.items():
            stats = post.stats()
            frames = stats.puts - stats.drops
            rows[camera] = CameraRow(
                frames=frames,
                fps=frames / wall_s if wall_s > 0 else 0.0,
                dropped=stats.drops,
                state=_state_of(post.reader.state),
                reconnects=post.reader.counts.reconnects,
            )
        return rows

    def lines(self, now_s: float) -> list[CameraLine]:
        """Return the cameras' lines of the live view, with their frame rates over the last seconds.

        Args:
            now_s: a monotonic clock.
        """
        lines = []
        for camera, post in self._posts.items():
            stats = post.stats()
            passed_s = now_s - post.sampled_s
            if post.sampled_s == 0.0:
                post.sampled_s, post.sampled_frames = now_s, stats.gets
            elif passed_s >= _RATE_OVER_S or (post.fps == 0.0 and passed_s >= 0.5):
                post.fps = (stats.gets - post.sampled_frames) / passed_s
                post.sampled_s, post.sampled_frames = now_s, stats.gets
            state = post.reader.state
            lines.append(CameraLine(camera, _state_of(state), post.fps, stats.gets, stats.drops, stats.depth))
        return lines


def _state_of(state: CameraState | None) -> str:
    return "opening" if state is None else state.kind


def _last_words(camera: str, state: CameraState | None) -> str:
    return (
        f"camera '{camera}': no answer yet" if state is None else state.message.partition("; retrying in")[0]
    )
