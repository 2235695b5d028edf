"""Level two, kept up to date: which visits of all cameras, remembered ones too, are one person.

What the clusters of the whole crowd would be is never computed as a whole. A change touches those it is
linked with (:mod:`.network`), and the clusters they are in; these are put together anew, from nothing, and
the rest stays as it is. Remembered visits are put together anew with the others, so that who was once taken
for somebody else is not so for ever. As long as one visit is remembered of everybody, the result is that of
clustering the whole crowd; else a remembered visit is only compared with those its person is linked with.
Where a chain of look-alikes is longer than ``together_max``, those nearest to the change are put together.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.centralize import MatchCalibration
from edge.config.pipeline import IdentifySpec
from edge.stages.identify.clusters import Cluster, atoms_of, unit_of
from edge.stages.identify.comparer import Comparer
from edge.stages.identify.gates import Gates
from edge.stages.identify.network import Network, Unit
from edge.stages.identify.people import cluster
from edge.stages.identify.strand import Strand
from edge.stages.identify.window import Item, may_be_one, one_person

__all__ = ["Crowd"]

RIVALS_LOOKED_AT = 8
NOTED_UNITS = 3  # of a new visit's likeliest, and of each so many visits
NOTED_VISITS = 3
ATOMS_SHARE = 2  # times together_max; where there are more, remembered visits are not taken apart
RULED_OUT = -4.0  # log-odds by place and time: no neighbours in the window, whatever they look like
SAME = 1e-5  # of a feature of unit length
SHIFT_STEP = 0.1  # log-odds; who changes less is not compared anew


class Strangers(Protocol):
    """What the gallery knows."""

    @property
    def apart(self) -> Mapping[int, AbstractSet[int]]:
        """For each identity, those it can never be one with."""
        ...


class Crowd:
    """Visits of all cameras, remembered ones too, and how they are put together. One thread calls it.

    Args:
        spec: thresholds.
        comparer: centralizes and compares; told of every visit.
        cameras: names of all cameras.
        strangers: who was seen to be two people.
        gates: what place and time say; nothing when None.
    """

    def __init__(
        self,
        spec: IdentifySpec,
        comparer: Comparer,
        cameras: Sequence[str],
        strangers: Strangers,
        gates: Gates | None = None,
    ) -> None:
        self._gates = gates or Gates(spec.gates)
        self._spec = spec
        self._comparer = comparer
        self._cameras = tuple(cameras)
        self._strangers = strangers
        self._least = math.log(spec.probability_min / (1.0 - spec.probability_min))
        self._items: dict[Hashable, Item] = {}
        self._rows: dict[Hashable, NDArray[np.float32]] = {}
        self._place = {camera: place for place, camera in enumerate(cameras)}
        self.calibration = MatchCalibration()
        self._shifts = np.zeros((len(cameras), len(cameras)))
        self._noted: dict[Hashable, list[tuple[Hashable, float]]] = {}
        self.start_over()

    def start_over(self) -> None:
        """Forget all visits and clusters; the comparer has forgotten all features."""
        self._items.clear()
        self._rows.clear()
        self._comparer.ask(self._may_be_one)
        self._network = Network(self._cameras, self._spec.match.slope)
        self._keys: dict[Unit, dict[Hashable, None]] = {}
        self._touched: set[Unit] = set()
        self._cluster_of: dict[Unit, tuple[Unit, ...]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def put(self, item: Item) -> None:
        """Take in a visit, or what it has become."""
        old = self._items.get(item.key)
        if old is not None and unit_of(old) != unit_of(item):
            self._leave(old)
        self._items[item.key] = item
        self._keys.setdefault(unit_of(item), {})[item.key] = None
        self._touched.add(unit_of(item))
        if item.feature is not None:
            if old is None or old.feature is None or not np.array_equal(old.feature, item.feature):
                self._comparer.put(item.key, item.feature, item.camera)
            elif old.group != item.group:
                self._keep_apart(item)
        elif old is not None and old.feature is not None:
            self._comparer.drop(item.key)
            self._rows.pop(item.key, None)

    def turn(self, key: Hashable, item: Item) -> None:
        """A visit becomes a remembered one: the same looks under another name, as a rule."""
        old = self._items.get(key)
        alike = (
            old is not None
            and key != item.key
            and old.feature is not None
            and item.feature is not None
            and np.allclose(old.feature, item.feature, atol=SAME)
        )
        if old is None or not alike:
            if old is not None and key != item.key:
                self.drop(key)
            self.put(item)
            return
        del self._items[key]
        self._noted.pop(key, None)
        self._leave(old)
        self._items[item.key] = replace(item, feature=old.feature, path=old.path)
        self._keys.setdefault(unit_of(item), {})[item.key] = None
        self._touched.add(unit_of(item))
        if key in self._rows:
            self._rows[item.key] = self._rows.pop(key)
        self._comparer.rename(key, item.key)
        self._keep_apart(item)

    def drop(self, key: Hashable) -> None:
        """Forget a visit."""
        item = self._items.pop(key)
        self._rows.pop(key, None)
        self._noted.pop(key, None)
        self._leave(item)
        if item.feature is not None:
            self._comparer.drop(key)

    def discard(self, key: Hashable) -> None:
        """Forget a visit, if it is here."""
        if key in self._items:
            self.drop(key)

    def part(self, one: int, other: int) -> None:
        """Two identities were seen to be two people."""
        units = ("person", one), ("person", other)
        for pair in itertools.product(*(self._keys.get(unit, ()) for unit in units)):
            if all(self._items[key].feature is not None for key in pair):
                self._comparer.forbid(*pair)
        self._touched.update(unit for unit in units if unit in self._keys)

    def regroup(self) -> list[Cluster]:
        """Put together anew what was touched since the last time.

        Returns:
            The clusters that may have changed, with all of their members; the others are as they were.
        """
        changed = list(self._comparer.refresh())
        self._touched.update(unit_of(self._items[key]) for key in changed)
        if changed:
            self._rows.update(zip(changed, self._comparer.rows(changed), strict=True))
        for unit in sorted(self._touched):
            keys = [key for key in self._keys.get(unit, ()) if self._items[key].feature is not None]
            if unit not in self._keys:
                if unit in self._network:
                    self._network.drop(unit)
                continue
            rows = np.stack([self._rows[key] for key in keys]) if keys else np.zeros((0, 0), np.float32)
            self._network.put(unit, rows, [self._items[key].camera for key in keys])
        self._calibrate()
        self._network.relink(self._priors() + self._shifts, self._least - self._gates.gain_max)
        self._note()
        found = [Cluster(items) for part in self._parts(self._seeds()) for items in self._cluster(part)]
        self._touched.clear()
        return found

    def learn(self, key: Hashable, identity: int) -> None:
        """Say who a visit turned out to be: what it was like at first is compared with that.

        Where it looks so much like the same person's visit before it that looks alone decide, the gap
        between the two is a travel time.

        Args:
            key: the visit, still here.
            identity: who it was, as decided for good.
        """
        camera = self._items[key].camera
        self._learn_travel(self._items[key], identity)
        for other, log_odds in self._noted.pop(key, ()):
            item = self._items.get(other)
            if item is not None and item.group:
                self.calibration.add(camera, item.camera, log_odds, same=item.group == identity)

    def _learn_travel(self, item: Item, identity: int) -> None:
        """How long somebody took from their visit before this one."""
        earlier = [
            other
            for other in self._items_of(("person", identity))
            if other.key != item.key and other.end_s <= item.end_s
        ]
        if not earlier or item.key not in self._rows:
            return
        last = max(earlier, key=lambda other: other.end_s)
        if last.camera == item.camera or last.key not in self._rows:
            return
        places = self._place[item.camera], self._place[last.camera]
        looks = self._spec.match.slope * float(self._rows[item.key] @ self._rows[last.key])
        looks += float((self._priors() + self._shifts)[places])
        if self.calibration.probability(looks) >= self._spec.gates.travel_sure:
            self._gates.travel.learn(last.camera, item.camera, item.start_s - last.end_s)

    def confidence(
        self, strand: Strand, of: Cluster, *, is_new: bool
    ) -> tuple[float, dict[str, float | int | str]]:
        """Estimated probability that a strand is where it belongs, and what that rests on."""
        item = next(item for item in of.items if strand in item.strands)
        unit = unit_of(item)
        alike = self._network.alike(unit)
        rival, rival_units = self._rival(unit, of, alike)
        mates = [other for other in of.items if other is not item and other.feature is not None]
        own = similarity = math.nan
        if mates and item.feature is not None:
            alone = self._between([[item], *([mate] for mate in mates)])[0, 1:]
            own = float(alone.mean())
            mine = self._rows[item.key]
            similarity = float(np.mean([mine @ self._rows[mate.key] for mate in mates]))
        evidence: dict[str, float | int | str] = {
            "similarity": round(similarity, 4),
            "runner_up": round(self._network.similarity(unit, rival_units), 4) if rival_units else math.nan,
            "visits": len(of.items),
        }
        if is_new or math.isnan(own):
            return round(1.0 - self.calibration.probability(rival), 4), evidence
        return round(self.calibration.probability(own), 4), evidence

    def _rival(self, unit: Unit, of: Cluster, alike: NDArray[np.float32]) -> tuple[float, tuple[Unit, ...]]:
        """The most alike cluster a unit might belong to instead, and its mean log-odds."""
        best = -math.inf
        found: tuple[Unit, ...] = ()
        seen: set[tuple[Unit, ...]] = {of.units}
        mine = self._items_of(unit)
        for slot in np.argsort(-alike, kind="stable")[: RIVALS_LOOKED_AT + len(of.units)].tolist():
            units = self._cluster_of.get(self._network.units[slot], ())
            if units in seen or not math.isfinite(alike[slot]):
                continue
            seen.add(units)
            mean = self._network.mean(alike, units)
            others = [item for other in units for item in self._items_of(other)]
            if mean > best and self._one_person(mine, others):
                best, found = mean, units
        return best, found

    def _keep_apart(self, item: Item) -> None:
        """A visit has got an identity: those known to be others are no neighbours any more."""
        for stranger in self._strangers.apart.get(item.group, ()):
            for key in self._keys.get(("person", stranger), ()):
                if self._items[key].feature is not None:
                    self._comparer.forbid(item.key, key)

    def _leave(self, item: Item) -> None:
        unit = unit_of(item)
        del self._keys[unit][item.key]
        if not self._keys[unit]:
            del self._keys[unit]
        self._touched.add(unit)

    def _items_of(self, unit: Unit) -> list[Item]:
        return [self._items[key] for key in self._keys.get(unit, ())]

    def _seeds(self) -> list[Unit]:
        """Units from which to look for what has to be put together anew; gone ones' clusters end."""
        seeds: set[Unit] = set()
        for unit in self._touched:
            seeds.update(mate for mate in self._cluster_of.pop(unit, ()) if mate in self._network)
            if unit in self._network:
                seeds.add(unit)
        return sorted(seeds)

    def _parts(self, seeds: Sequence[Unit]) -> Iterable[list[Unit]]:
        """What hangs together with the seeds, in parts that have nothing to do with each other."""
        left = dict.fromkeys(seeds)
        whole = len(left) > self._spec.together_max  # everybody at once: after the space has changed
        while left:
            part: dict[Unit, None] = {}
            front = [next(iter(left))]
            while front:
                mates = dict.fromkeys(
                    mate
                    for unit in front
                    for mate in (unit, *self._cluster_of.get(unit, ()))
                    if mate not in part and mate in self._network
                )
                part.update(mates)
                if len(part) > self._spec.together_max and not whole:
                    front = [u for u in sorted(self._around(mates) & left.keys()) if u not in part]
                else:
                    front = [unit for unit in sorted(self._around(mates)) if unit not in part]
            for unit in part:
                left.pop(unit, None)
            yield sorted(part)

    def _around(self, units: Iterable[Unit]) -> set[Unit]:
        return {other for unit in units for other in self._network.links(unit)}

    def _cluster(self, units: Sequence[Unit]) -> list[tuple[Item, ...]]:
        """The clusters of one part, which become the present ones."""
        atoms = [atom for unit in units for atom in atoms_of(self._items_of(unit))]
        if len(atoms) > ATOMS_SHARE * self._spec.together_max:
            atoms = [self._items_of(unit) for unit in units]
        if len(atoms) == 1:
            found = [tuple(atoms[0])]
        else:

            def may_join(some: Sequence[int], others: Sequence[int]) -> bool:
                return self._one_person(
                    *([item for i in each for item in atoms[i]] for each in (some, others))
                )

            sizes = [sum(item.feature is not None for item in atom) for atom in atoms]
            labels = cluster(self._between(atoms), may_join, sizes, self._least)
            found = [
                tuple(item for i in np.flatnonzero(labels == label) for item in atoms[i])
                for label in sorted(set(labels.tolist()))
            ]
        mates: dict[Unit, set[Unit]] = {unit: {unit} for unit in units}
        for items in found:
            together = {unit_of(item) for item in items}
            for unit in together:
                mates[unit] |= together
        self._cluster_of.update({unit: tuple(sorted(others)) for unit, others in mates.items()})
        return found

    def _between(self, atoms: Sequence[Sequence[Item]]) -> NDArray[np.float64]:
        """Mean log-odds of all pairs of visits of two atoms: float64 (a, a), -inf where looks are missing."""
        width = len(next(iter(self._rows.values()), ()))
        rows = np.zeros((len(atoms), width))
        shares = np.zeros((len(atoms), len(self._cameras)))
        bare = np.zeros(len(atoms), dtype=bool)
        for number, atom in enumerate(atoms):
            looks = [item for item in atom if item.feature is not None]
            bare[number] = not looks
            for item in looks:
                rows[number] += self._rows[item.key] / len(looks)
                shares[number, self._place[item.camera]] += 1.0 / len(looks)
        offsets = self._priors() + self._shifts
        found = self._spec.match.slope * (rows @ rows.T) + shares @ offsets @ shares.T
        found[bare] = found[:, bare] = -np.inf
        gain = self._gates.gain_max
        if gain:
            near = np.argwhere(np.triu(found >= self._least - gain, 1))
            for one, other in near.tolist():
                found[one, other] += self._evidence(atoms[one], atoms[other])
                found[other, one] = found[one, other]
        return np.asarray(found)

    def _evidence(self, some: Sequence[Item], others: Sequence[Item]) -> float:
        """What place and time say, on the mean of all pairs."""
        said = [
            self._gates.evidence(one, other) if one.epoch == other.epoch else 0.0
            for one in some
            for other in others
        ]
        return float(np.mean(said))

    def _one_person(self, some: Sequence[Item], others: Sequence[Item]) -> bool:
        return one_person(some, others, self._spec.motion.speed_max, self._strangers.apart)

    def _may_be_one(self, one: Hashable, other: Hashable, /) -> bool:
        first, second = self._items[one], self._items[other]
        if second.group in self._strangers.apart.get(first.group, ()):
            return False
        if not may_be_one(first, second, self._spec.motion.speed_max):
            return False
        return self._gates.evidence(first, second) > RULED_OUT

    def _priors(self) -> NDArray[np.float64]:
        """Log-odds at similarity 0 before anything is learnt, for each pair of cameras."""
        match, share = self._spec.match, self._comparer.share
        one_camera = np.eye(len(self._cameras), dtype=bool)
        plain = np.where(one_camera, match.same_camera, match.across_cameras)
        return np.asarray(-match.slope * (share * match.centralized + (1.0 - share) * plain))

    def _calibrate(self) -> None:
        """Go over to what was learnt, where it makes a difference."""
        if not self._spec.match.learn or not self.calibration.fit():
            return
        shifts = np.array([[self.calibration.pair_shift(a, b) for b in self._cameras] for a in self._cameras])
        if np.abs(shifts - self._shifts).max() >= SHIFT_STEP:
            self._shifts = shifts

    def _note(self) -> None:
        """Remember what new visits looked like beside those they are most like."""
        if not self._spec.match.learn:
            return
        priors = self._priors()
        for unit in sorted(self._touched):
            kind, number = unit
            if kind != "visit" or number in self._noted or unit not in self._network:
                continue
            item = self._items[number]
            if item.feature is None:
                continue
            alike = self._network.alike(unit)
            count = min(NOTED_UNITS, len(alike))
            likeliest = np.argpartition(-alike, count - 1)[:count]
            others = [
                key
                for slot in sorted(int(place) for place in likeliest)
                for key in list(self._keys[self._network.units[slot]])[-NOTED_VISITS:]
                if key != number and self._items[key].feature is not None and self._may_be_one(number, key)
            ]
            self._noted[number] = []
            if others:
                similarities = np.stack([self._rows[key] for key in others]) @ self._rows[number]
                for key, similarity in zip(others, similarities.tolist(), strict=True):
                    offset = priors[self._place[item.camera], self._place[self._items[key].camera]]
                    self._noted[number].append((key, self._spec.match.slope * similarity + float(offset)))
