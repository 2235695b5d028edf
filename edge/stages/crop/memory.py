"""What the crop stage remembers of each track."""

from __future__ import annotations

from collections.abc import Sequence

from edge.records import Crop

__all__ = ["TrackMemory", "TrackState"]

# Tracks that were not seen for so long are forgotten, looked for as often; far longer than a tracker waits.
_FORGET_NS = 60_000_000_000


class TrackState:
    """One track.

    first_ns: wall time of its first box.
    seen_ns: wall time of its last box.
    looked_ns: when it was last embedded, or last found not to be better; None: never.
    taken_ns: when it was last embedded; None: never.
    best_quality: of all its crops that were taken.
    reserve: the best poor crop since it was last embedded; None: there is none.
    reserve_most: the most that the quality of any crop looked at for the reserve could have been.
    """

    __slots__ = ("best_quality", "first_ns", "looked_ns", "reserve", "reserve_most", "seen_ns", "taken_ns")

    def __init__(self, now_ns: int) -> None:
        self.first_ns = now_ns
        self.seen_ns = now_ns
        self.looked_ns: int | None = None
        self.taken_ns: int | None = None
        self.best_quality = 0.0
        self.reserve: Crop | None = None
        self.reserve_most = 0.0

    def see(self, now_ns: int) -> None:
        """Note a box. Where the camera's clock has gone back, all times go back with it, so ages stay."""
        if now_ns < self.seen_ns:
            back_ns = self.seen_ns - now_ns
            self.first_ns -= back_ns
            self.looked_ns = None if self.looked_ns is None else self.looked_ns - back_ns
            self.taken_ns = None if self.taken_ns is None else self.taken_ns - back_ns
        self.seen_ns = now_ns

    def keep(self, crop: Crop, most: float) -> None:
        """Make ``crop`` the reserve if it is better than the one there is; ``most`` it could have been."""
        self.reserve_most = max(self.reserve_most, most)
        if self.reserve is None or crop.quality > self.reserve.quality:
            self.reserve = crop

    def take(self, crop: Crop, now_ns: int) -> None:
        """Note that ``crop`` is embedded now."""
        self.looked_ns = self.taken_ns = now_ns
        self.best_quality = max(self.best_quality, crop.quality)
        self.reserve = None
        self.reserve_most = 0.0


class TrackMemory:
    """The tracks of all cameras, forgotten a minute after they were last seen."""

    def __init__(self) -> None:
        self._cameras: dict[str, dict[int, TrackState]] = {}
        self._swept_ns: dict[str, int] = {}

    def of(self, camera: str, tracks: Sequence[int], now_ns: int) -> list[TrackState]:
        """The states of these tracks of one camera, in the same order; unknown ones begin now."""
        known = self._cameras.setdefault(camera, {})
        if abs(now_ns - self._swept_ns.setdefault(camera, now_ns)) > _FORGET_NS:
            self._swept_ns[camera] = now_ns
            for track in [t for t, state in known.items() if abs(now_ns - state.seen_ns) > _FORGET_NS]:
                del known[track]
        states: list[TrackState] = []
        for track in tracks:
            state = known.get(track)
            if state is None:
                state = known[track] = TrackState(now_ns)
            state.see(now_ns)
            states.append(state)
        return states

    def __len__(self) -> int:
        return sum(map(len, self._cameras.values()))
