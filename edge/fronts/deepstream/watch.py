"""What each camera of a DeepStream run is doing, by its frames, its silence, and what DeepStream says."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge.clock import Clock
from edge.config.cameras import Camera
from edge.config.secrets import redact
from edge.errors import SourceBroken
from edge.flow import ChannelStats
from edge.stages.capture import CameraState, CaptureCounts, StateKind

__all__ = ["CameraWatch"]


class CameraWatch:
    """One camera: its state and counts; any thread may call it.

    DeepStream opens a lost camera again by itself and says little about it, so what counts is whether frames
    come: a camera silent for ``frozen_s`` is reported as frozen, and as connected when it is back.

    Args:
        camera: from cams.yaml.
        clock: the time.
        on_state: told of every change.
    """

    def __init__(self, camera: Camera, clock: Clock, on_state: Callable[[CameraState], None]) -> None:
        self._camera = camera
        self._clock = clock
        self._on_state = on_state
        self._lock = threading.Lock()
        self._state: CameraState | None = None
        self._frames = 0
        self._epoch = -1
        self._seen_s = clock.monotonic_s()

    @property
    def name(self) -> str:
        """The camera's name."""
        return self._camera.name

    @property
    def state(self) -> CameraState | None:
        """The last state reported; None before the first."""
        return self._state

    @property
    def counts(self) -> CaptureCounts:
        """What has come so far."""
        return CaptureCounts(self._frames, self._frames, 0, 0, max(0, self._epoch))

    def stats(self) -> ChannelStats:
        """Return the frames that came, in the form of a channel's counters; none wait, none are dropped."""
        return ChannelStats(self.name, 0, 0, self._frames, self._frames, 0)

    def frame(self) -> None:
        """A frame has come."""
        with self._lock:
            self._frames += 1
            self._seen_s = self._clock.monotonic_s()
            if self._is("connected"):
                return
            self._epoch += 1
        again = " again" if self._epoch else ""
        self._report("connected", f"connected{again} to {self._camera.label} by DeepStream")

    def look(self) -> None:
        """Say so when the camera has been silent for too long; called every now and then."""
        source = self._camera.source
        if source.kind == "file" or self._is("frozen", "ended", "failed"):
            return
        silent_s = self._clock.monotonic_s() - self._seen_s
        if silent_s >= source.frozen_s:
            text = f"no picture from {self._camera.label} for {source.frozen_s:g} s; DeepStream tries again"
            self._report("frozen", text)

    def lost(self, why: str) -> None:
        """DeepStream has said that the camera is in trouble, or has gone."""
        if not self._is("ended", "failed"):
            self._report("lost", why)

    def end(self) -> None:
        """The camera's file has ended, or the run is stopped."""
        if not self._is("ended", "failed"):
            self._report("ended", f"ended after {self._frames} frames")

    def give_up(self) -> SourceBroken:
        """DeepStream does not try this camera again; returns what to tell."""
        text = f"DeepStream gave up {self._camera.label}: its reconnect.attempts are used up"
        self._report("failed", text)
        return SourceBroken(f"camera '{self.name}': {text}")

    def _is(self, *kinds: StateKind) -> bool:
        return self._state is not None and self._state.kind in kinds

    def _report(self, kind: StateKind, text: str) -> None:
        message = redact(f"camera '{self.name}': {text}")
        state = CameraState(self.name, kind, message, self._clock.now_ns(), max(0, self._epoch))
        self._state = state
        self._on_state(state)
