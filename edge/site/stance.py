"""How people hold themselves: joint angles of walking, standing and other stances."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from edge.site.people import Look

__all__ = ["Stance", "blend", "random_stance", "stand", "stride_m", "walk"]


@dataclass(frozen=True, slots=True)
class Stance:
    """Joint angles in radians; pairs are right, left.

    hip, knee, spread: flexion forward, flexion back, legs apart.
    shoulder, elbow, away, inward: arm forward, elbow bent, arm away from the body, forearm turned in.
    lean, sway: trunk forward, trunk to the left.
    twist: shoulders turned to the left against the hips.
    look_aside, nod: head to the left, head down.
    """

    hip: tuple[float, float] = (0.0, 0.0)
    knee: tuple[float, float] = (0.05, 0.05)
    spread: tuple[float, float] = (0.04, 0.04)
    shoulder: tuple[float, float] = (0.0, 0.0)
    elbow: tuple[float, float] = (0.15, 0.15)
    away: tuple[float, float] = (0.12, 0.12)
    inward: tuple[float, float] = (0.0, 0.0)
    lean: float = 0.02
    sway: float = 0.0
    twist: float = 0.0
    look_aside: float = 0.0
    nod: float = 0.0


def stride_m(look: Look, speed_m_s: float) -> float:
    """Length of two steps at a speed: people lengthen their steps as they quicken them."""
    return look.height_m * (0.42 + 0.26 * min(max(speed_m_s, 0.3), 2.2))


def walk(look: Look, phase: float, speed_m_s: float, look_aside: float = 0.0) -> Stance:
    """Joint angles of walking.

    Args:
        look: whose arms swing, hold a telephone, a strap, or are in the pockets.
        phase: 0 to 2 pi over two steps; 0 is the right heel's touch-down.
        speed_m_s: 1.3 is usual; the angles grow with it.
        look_aside: head to the left, radians.
    """
    vigour = min(max(speed_m_s / 1.35, 0.3), 1.6)
    hips, knees = zip(
        *(_leg(phase, vigour), _leg(phase + math.pi, vigour)),
        strict=True,
    )
    swing = 0.42 * vigour * math.cos(phase)
    bend = 0.25 + 0.15 * vigour
    stance = Stance(
        hip=(hips[0], hips[1]),
        knee=(knees[0], knees[1]),
        shoulder=(-swing, swing),
        elbow=(bend + 0.2 * max(0.0, -swing), bend + 0.2 * max(0.0, swing)),
        lean=0.03 + 0.03 * vigour,
        sway=0.03 * math.sin(phase),
        twist=0.10 * vigour * math.cos(phase),
        look_aside=look_aside,
    )
    return _with_habit(stance, look.arms)


def stand(look: Look, phase: float = 0.0, look_aside: float = 0.0) -> Stance:
    """Joint angles of somebody who waits; ``phase`` shifts the weight slowly."""
    shift = math.sin(phase)
    stance = Stance(
        hip=(0.03 * shift, -0.03 * shift),
        knee=(0.06 + 0.05 * max(shift, 0.0), 0.06 + 0.05 * max(-shift, 0.0)),
        spread=(0.07, 0.07),
        sway=0.02 * shift,
        twist=0.06 * shift,
        look_aside=look_aside,
    )
    return _with_habit(stance, look.arms)


def random_stance(look: Look, rng: np.random.Generator) -> Stance:
    """Any stance people are seen in: mostly walking and standing, sometimes reaching, bent or sitting."""
    kind = rng.random()
    aside = float(rng.normal(0.0, 0.35))
    phase = float(rng.uniform(0.0, 2 * math.pi))
    if kind < 0.55:
        return walk(look, phase, float(rng.uniform(0.4, 1.9)), aside)
    if kind < 0.80:
        return stand(look, phase, aside)
    u = [float(v) for v in rng.random(11)]
    reaching = Stance(
        shoulder=(2.6 * u[0] ** 2, 2.6 * u[1] ** 2),
        elbow=(1.9 * u[2], 1.9 * u[3]),
        away=(0.1 + 0.7 * u[4] ** 2, 0.1 + 0.7 * u[5] ** 2),
        inward=(u[6], u[7]),
        look_aside=aside,
        nod=0.5 * u[8],
    )
    if kind < 0.90:
        return replace(reaching, spread=(0.05 + 0.2 * u[9], 0.05 + 0.2 * u[9]), lean=0.15 * u[10])
    if kind < 0.95:  # bent over something, or crouching
        return replace(
            reaching,
            hip=(0.2 + u[9], 0.2 + 0.9 * u[9]),
            knee=(0.2 + 1.6 * u[9], 0.2 + 1.5 * u[9]),
            lean=0.3 + 0.6 * u[10],
        )
    return replace(reaching, hip=(1.5, 1.5), knee=(1.45, 1.5), spread=(0.12, 0.12), lean=0.25 * u[10])


def blend(one: Stance, other: Stance, share: float) -> Stance:
    """The stance between two, ``share`` of the way to the other."""

    def between(a: float, b: float) -> float:
        return a + share * (b - a)

    pairs = {
        name: (
            between(getattr(one, name)[0], getattr(other, name)[0]),
            between(getattr(one, name)[1], getattr(other, name)[1]),
        )
        for name in ("hip", "knee", "spread", "shoulder", "elbow", "away", "inward")
    }
    return Stance(
        **pairs,
        lean=between(one.lean, other.lean),
        sway=between(one.sway, other.sway),
        twist=between(one.twist, other.twist),
        look_aside=between(one.look_aside, other.look_aside),
        nod=between(one.nod, other.nod),
    )


def _leg(phase: float, vigour: float) -> tuple[float, float]:
    """Hip and knee flexion of one leg; its heel touches down at phase 0."""
    cycle = (phase / (2 * math.pi)) % 1.0
    hip = (0.10 + 0.42 * math.cos(phase)) * (0.45 + 0.55 * vigour)
    knee = 0.08 + 0.28 * _bump(cycle, 0.14, 0.09) * vigour + (0.55 + 0.5 * vigour) * _bump(cycle, 0.73, 0.11)
    return hip, knee


def _bump(cycle: float, centre: float, width: float) -> float:
    away = min(abs(cycle - centre), 1.0 - abs(cycle - centre))
    return math.exp(-0.5 * (away / width) ** 2)


def _with_habit(stance: Stance, arms: str) -> Stance:
    right, left = stance.shoulder
    if arms == "pockets":
        return replace(
            stance, shoulder=(-0.25, -0.25), elbow=(0.75, 0.75), away=(0.30, 0.30), inward=(0.55, 0.55)
        )
    if arms == "phone":
        return replace(
            stance,
            shoulder=(0.45, left),
            elbow=(1.75, stance.elbow[1]),
            away=(0.15, 0.12),
            inward=(0.45, 0.0),
            nod=0.35,
        )
    if arms == "strap":
        return replace(
            stance,
            shoulder=(right, 0.15),
            elbow=(stance.elbow[0], 2.25),
            away=(0.12, 0.25),
            inward=(0.0, 0.35),
        )
    return stance
