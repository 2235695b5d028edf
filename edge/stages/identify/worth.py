"""What further views of a person are worth: what :class:`edge.records.IpgJob` carries as its value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge.stages.identify.strand import Strand

__all__ = ["Facts", "doubt_of", "view_of", "worth"]

CLOSE = 0.3  # similarity by which a runner-up must lie behind to be no rival
STILL = 0.15  # heights per second below which nobody is going anywhere


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a person.

    quality: of the best crop, 0 to 1.
    doubt: how uncertain the last decisions were, 0 to 1; see :func:`doubt_of`.
    views: from how many sides the person was seen, 1 to 4; see :func:`view_of`.
    cameras: how many cameras have seen the person.
    """

    quality: float
    doubt: float
    views: int
    cameras: int


def worth(facts: Facts) -> float:
    """How much is gained by drawing somebody, 0 to 2.25.

    ``quality * (1/2 + doubt) * (3/2 where there is one camera, else 1) / views``: a good crop makes good
    pictures; who is in doubt gains most; who was seen by one camera lacks the others' view of them, and who
    was seen from all sides lacks little.
    """
    single = 1.5 if facts.cameras <= 1 else 1.0
    return facts.quality * (0.5 + facts.doubt) * single / max(facts.views, 1)


def doubt_of(probability: float, similarity: float = math.nan, runner_up: float = math.nan) -> float:
    """How uncertain a decision is, 0 to 1: it is improbable, or another person is nearly as similar.

    Args:
        probability: that the decision is right.
        similarity: to who it was decided for; NaN where nobody else is there.
        runner_up: to the next likely person; NaN where there is none.
    """
    doubt = 1.0 - probability
    if not math.isnan(similarity) and not math.isnan(runner_up):
        doubt = max(doubt, 1.0 - (similarity - runner_up) / CLOSE)
    return min(max(doubt, 0.0), 1.0)


def view_of(strand: Strand) -> str:
    """From which side somebody is seen, by where they go in the picture: front, back, left or right.

    People who come nearer move down in the picture and show their front. ``still`` where they hardly move.
    """
    over_s = max(strand.end_s - strand.start_s, 1e-3)
    right = (strand.tail[0] - strand.head[0]) / strand.height_px / over_s
    down = (strand.tail[1] - strand.head[1]) / strand.height_px / over_s
    if math.hypot(right, down) < STILL:
        return "still"
    if abs(right) >= 2.0 * abs(down):  # a picture is foreshortened: nearer is less far down than it seems
        return "right" if right > 0 else "left"
    return "front" if down > 0 else "back"
