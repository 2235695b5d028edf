"""Cut the tracks of one camera into tracklets that are one person each.

A track jumps from one person to another almost only where two people cross, so a track is cut at
the most covered moment of every crossing, and where the person was not seen for a moment. Identify
then decides which pieces belong together; that mends swaps and broken tracks alike.
"""

from __future__ import annotations

from edge.config.pipeline import TrackletSpec
from edge.records import EmbeddedFrame, Embedding, Tracklet
from edge.stages.tracklet.piece import Piece

__all__ = ["TrackletBuilder"]

FORGET_S = 60.0


class TrackletBuilder:
    """Builds the tracklets of one camera. Cost per frame depends on the people in it alone.

    Args:
        camera: the camera's name.
        spec: lengths and thresholds.
    """

    def __init__(self, camera: str, spec: TrackletSpec) -> None:
        self._camera = camera
        self._spec = spec
        self._open: dict[int, Piece] = {}
        self._next_part: dict[int, tuple[int, int]] = {}

    def add(self, frame: EmbeddedFrame) -> list[Tracklet]:
        """Take in one frame.

        Args:
            frame: tracks of one frame of this camera, later than the ones before.

        Returns:
            The pieces that were closed (``closed=True``), and the open ones that have grown for
            ``report_s`` since they were last returned.
        """
        now_ns = frame.tracks.captured_at_ns
        embeddings = {e.crop.track: e for e in frame.embeddings}
        ready = self._close_unseen(now_ns)
        for row, track in enumerate(frame.tracks.track_ids.tolist()):
            piece = self._append(frame, row, track, embeddings.get(track))
            ready += self._cut(piece, now_ns)
            piece = self._open[track]
            if now_ns - piece.reported_at_ns >= self._spec.report_s * 1e9:
                piece.reported_at_ns = now_ns
                ready.append(piece.tracklet(closed=False, crops_max=self._spec.crops_max))
        return ready

    def advance(self, now_ns: int) -> list[Tracklet]:
        """Close pieces that nothing was added to for ``gap_s``, though no frame has come.

        A camera that is down gives no frames, and its last people must not stay open till the end.

        Args:
            now_ns: event time up to which every frame has been added.
        """
        return self._close_unseen(now_ns)

    def close(self) -> list[Tracklet]:
        """Close all open pieces, at the end of the run."""
        ready = [tracklet for piece in list(self._open.values()) for tracklet in self._finish(piece)]
        self._open.clear()
        return ready

    def _append(self, frame: EmbeddedFrame, row: int, track: int, embedding: Embedding | None) -> Piece:
        tracks = frame.tracks
        piece = self._open.get(track)
        if piece is None:
            part, _ = self._next_part.get(track, (0, 0))
            piece = Piece(self._camera, track, part, tracks.size_px, reported_at_ns=tracks.captured_at_ns)
            self._open[track] = piece
        piece.frames.append(tracks.number)
        piece.times_ns.append(tracks.captured_at_ns)
        piece.boxes.append(tracks.boxes_px[row])
        piece.scores.append(float(tracks.scores[row]))
        piece.overlaps.append(float(tracks.overlaps[row]))
        if embedding is not None:
            piece.embeddings.append(embedding)
        return piece

    def _cut(self, piece: Piece, now_ns: int) -> list[Tracklet]:
        """Cut after a crossing, or when the piece has grown too long."""
        if piece.overlaps[-1] > self._spec.overlap_max:
            if not piece.crossing:
                piece.crossing, piece.peak = True, len(piece.overlaps) - 1
            elif piece.overlaps[-1] > piece.overlaps[piece.peak]:
                piece.peak = len(piece.overlaps) - 1
            piece.covered_at_ns = now_ns
        over = piece.crossing and now_ns - piece.covered_at_ns > self._spec.clear_s * 1e9
        long = now_ns - piece.times_ns[0] >= self._spec.length_max_s * 1e9
        if not (over or long):
            return []
        doubtful = piece.crossing
        index = piece.peak if doubtful else len(piece.frames) - 1
        if over:
            piece.crossing = False
        if index == 0:
            if not long:
                return []
            index, doubtful = len(piece.frames) - 1, False
        return self._divide(piece, index, joined=not doubtful, crossing=doubtful and not over)

    def _divide(self, piece: Piece, index: int, *, joined: bool, crossing: bool) -> list[Tracklet]:
        rest = piece.split(index)
        rest.joined = joined
        if crossing:
            rest.crossing = True
            rest.peak = max(range(len(rest.overlaps)), key=rest.overlaps.__getitem__)
            rest.covered_at_ns = piece.covered_at_ns
        self._open[piece.track] = rest
        return [piece.tracklet(closed=True, crops_max=self._spec.crops_max)]

    def _close_unseen(self, now_ns: int) -> list[Tracklet]:
        limit_ns = now_ns - int(self._spec.gap_s * 1e9)
        unseen = [piece for piece in self._open.values() if piece.times_ns[-1] < limit_ns]
        ready: list[Tracklet] = []
        for piece in unseen:
            ready += self._finish(piece)
            self._next_part[piece.track] = (self._open.pop(piece.track).part + 1, now_ns)
        forget_ns = now_ns - int(FORGET_S * 1e9)
        for track in [t for t, (_, seen_ns) in self._next_part.items() if seen_ns < forget_ns]:
            del self._next_part[track]
        return ready

    def _finish(self, piece: Piece) -> list[Tracklet]:
        """Close a piece; a crossing still under way is cut at its peak."""
        ready: list[Tracklet] = []
        if piece.crossing and piece.peak > 0:
            ready = self._divide(piece, piece.peak, joined=False, crossing=False)
            piece = self._open[piece.track]
        ready.append(piece.tracklet(closed=True, crops_max=self._spec.crops_max))
        return ready
