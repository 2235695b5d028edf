"""How a change of identity is told."""

from __future__ import annotations

import math

from edge.records import Decision, Tracklet
from edge.stages.identify.clusters import Cluster
from edge.stages.identify.naming import Naming
from edge.stages.identify.strand import Strand

__all__ = ["decision_about", "kind_of", "moving", "tracklet_closed"]


def moving(cluster: Cluster, name: int, parent: int | None) -> list[Strand]:
    """Strands of a cluster that bear another name; those that were not ``parent``'s come last."""
    moving = [strand for strand in cluster.strands if strand.identity != name]
    return sorted(moving, key=lambda strand: parent is not None and strand.identity != parent)


def kind_of(old: int, name: int, naming: Naming) -> str:
    """What it is called that a strand goes over from one identity to another."""
    if old == 0:
        return "identity.new" if name in naming.fresh else "identity.match"
    if naming.merged.get(old) == name:
        return "identity.merge"
    return "identity.split" if name in naming.fresh else "identity.rename"


def decision_about(
    kind: str,
    now_ns: int,
    strand: Strand,
    identity: int,
    previous: int,
    probability: float,
    evidence: dict[str, float | int | str],
) -> Decision:
    """A decision about a strand, with its evidence in full and its present picture."""
    finite = {k: v for k, v in evidence.items() if not isinstance(v, float) or math.isfinite(v)}
    finite["strand"] = strand.number
    return Decision(
        type=kind,
        time_ns=now_ns,
        camera=strand.camera,
        track=strand.track,
        tracklet=strand.pieces[-1],
        identity=identity,
        previous=previous,
        probability=probability,
        evidence=finite,
        crop=strand.crop if identity else None,
    )


def tracklet_closed(strand: Strand, tracklet: Tracklet) -> Decision:
    """Whose a tracklet is believed to be, now that it has ended."""
    return Decision(
        type="tracklet",
        time_ns=tracklet.ended_at_ns,
        camera=tracklet.camera,
        track=tracklet.track,
        tracklet=tracklet.uid,
        identity=strand.identity,
        previous=0,
        probability=strand.probability,
        evidence={
            "first_frame": int(tracklet.frames[0]),
            "last_frame": int(tracklet.frames[-1]),
            "boxes": len(tracklet.frames),
            "embeddings": len(tracklet.vectors),
            "strand": strand.number,
        },
        crop=tracklet.crops[0] if tracklet.crops and strand.identity else None,
    )
