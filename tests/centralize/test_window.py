from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from numpy.typing import NDArray

from edge.centralize import WindowCentralizer, neighbor_centralize
from edge.centralize.neighbor_lists import NeighborLists


class Windowed(RuleBasedStateMachine):
    """A window and, beside it, a plain dictionary from which everything is computed anew each time.

    Features are small whole numbers or, normalized, axes: exact ties and copies come up all the time,
    and the neighbours must be the very same.
    """

    @initialize(
        k1=st.integers(1, 4),
        k2=st.integers(1, 4),
        normalize=st.booleans(),
        asked=st.booleans(),
        capacity=st.sampled_from([3, 1000]),
        seed=st.integers(0, 1000),
    )
    def start(self, k1: int, k2: int, normalize: bool, asked: bool, capacity: int, seed: int) -> None:
        self.k1, self.k2, self.normalize, self.capacity = k1, k2, normalize, capacity
        self.enemies = np.random.default_rng(seed).random((200, 200)) < 0.4
        self.enemies |= self.enemies.T
        self.asked = asked
        self.window = WindowCentralizer(
            k1,
            k2,
            normalize=normalize,
            allowed=self.allowed if asked else None,
            capacity=capacity,
            when_full="expire-oldest",
        )
        self.held: dict[Hashable, tuple[NDArray[np.float32], Hashable]] = {}
        self.forbidden: set[frozenset[Hashable]] = set()
        self.next = 0

    def allowed(self, one: Hashable, other: Hashable) -> bool:
        return not self.hostile([one, other])[0, 1]

    def hostile(self, keys: list[Hashable]) -> NDArray[np.bool_]:
        rows = np.array(keys, dtype=np.int64) % len(self.enemies)  # a run may add more keys than that
        return self.enemies[np.ix_(rows, rows)]

    def drawn(self, numbers: tuple[int, int, int]) -> NDArray[np.float32]:
        if self.normalize:
            return np.float32(numbers[1] + 3) * np.eye(5, dtype=np.float32)[numbers[0] + 2]
        return np.array(numbers, dtype=np.float32)

    features = st.tuples(*[st.integers(-2, 2)] * 3)
    groups = st.sampled_from([None, "a", "b", "c"])

    @rule(numbers=features, group=groups)
    def add(self, numbers: tuple[int, int, int], group: Hashable) -> None:
        if len(self.held) == self.capacity:
            del self.held[next(iter(self.held))]
        self.window.add(self.next, self.drawn(numbers), group)
        self.held[self.next] = (self.drawn(numbers), group)
        self.next += 1

    @rule(numbers=st.lists(features, min_size=3, max_size=12), group=groups)
    def add_many(self, numbers: list[tuple[int, int, int]], group: Hashable) -> None:
        for one in numbers:
            self.add(one, group)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), numbers=features, group=groups, regroup=st.booleans())
    def update(
        self, data: st.DataObject, numbers: tuple[int, int, int], group: Hashable, regroup: bool
    ) -> None:
        key = data.draw(st.sampled_from(sorted(self.held)))
        if regroup:
            self.window.update(key, self.drawn(numbers), group)
            self.held[key] = (self.drawn(numbers), group)
        else:
            self.window.update(key, self.drawn(numbers))
            self.held[key] = (self.drawn(numbers), self.held[key][1])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.held)))
        self.window.expire(key)
        del self.held[key]

    @precondition(lambda self: len(self.held) > 4)
    @rule(share=st.sampled_from([2, 3]))
    def expire_many(self, share: int) -> None:
        for key in list(self.held)[::share]:
            self.window.expire(key)
            del self.held[key]

    @precondition(lambda self: len(self.held) > 1)
    @rule(data=st.data())
    def forbid(self, data: st.DataObject) -> None:
        pair = data.draw(st.sets(st.sampled_from(sorted(self.held)), min_size=2, max_size=2))
        self.window.forbid(*pair)
        self.forbidden.add(frozenset(pair))

    @invariant()
    def equals_the_batch(self) -> None:
        if not hasattr(self, "window"):
            return
        assert self.window.keys == tuple(self.held)
        assert len(self.window) == len(self.held)
        if not self.held:
            assert self.window.features().shape[0] == 0
            return
        keys = list(self.held)
        feats = np.stack([feature for feature, _ in self.held.values()])
        may = np.array([[frozenset((one, other)) not in self.forbidden for other in keys] for one in keys])
        if self.asked:
            may &= ~self.hostile(keys)
        k1 = min(self.k1, len(keys))
        groups = [group for _, group in self.held.values()]
        expected = neighbor_centralize(
            feats, k1, self.k2, normalize=self.normalize, allowed=may, groups=groups
        )
        np.testing.assert_allclose(self.window.features(), expected, atol=1e-5)


TestWindowed = Windowed.TestCase
TestWindowed.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def filled(
    count: int, *, dimensions: int = 8, seed: int = 0, **given: object
) -> tuple[WindowCentralizer, NDArray]:
    rows = np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)
    window = WindowCentralizer(**given)
    for key, row in enumerate(rows):
        window.add(key, row)
    return window, rows


@pytest.mark.parametrize("normalize", [True, False])
def test_a_sliding_window_of_real_numbers_is_the_batch_at_every_step(normalize: bool) -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((400, 8)).astype(np.float32)
    rows[::10] *= 1000  # far from all others
    rows[200:220] = rows[180:200]  # copies
    cameras = rng.choice(["a", "b", "c"], 400)
    window = WindowCentralizer(5, 4, normalize=normalize, capacity=130)
    for key, (row, camera) in enumerate(zip(rows, cameras, strict=True)):
        window.add(key, row, camera)
        low = max(0, key - 119)
        if key >= 120:
            window.expire(key - 120)
        if key > 5 and key % 7 == 0:
            expected = neighbor_centralize(
                rows[low : key + 1], 5, 4, normalize=normalize, groups=cameras[low : key + 1]
            )
            np.testing.assert_allclose(window.features(), expected, atol=1e-6, rtol=1e-6)


def test_neighbours_and_single_features_can_be_asked_for() -> None:
    window = WindowCentralizer(1, 1)
    for key, row in {"a": [1.0, 0.0], "b": [0.9, 0.1], "c": [0.0, 1.0]}.items():
        window.add(key, row)
    assert window.neighbors("a") == ("b",)
    assert window.neighbors("c") == ()
    np.testing.assert_array_equal(window.feature("b"), window.features()[1])
    assert "b" in window
    assert "d" not in window


def test_equal_distances_go_to_whoever_came_first() -> None:
    window = WindowCentralizer(1, 1, normalize=False)
    for key, row in {"x": [1.0, 0.0], "late": [0.0, 1.0], "later": [0.0, -1.0]}.items():
        window.add(key, row)
    assert window.neighbors("x") == ("late",)
    window.update("late", [0.0, 1.0])
    assert window.neighbors("x") == ("late",)
    window.expire("late")
    assert window.neighbors("x") == ("later",)


def test_an_early_feature_that_comes_back_is_first_among_its_copies_again() -> None:
    """More copies than the lists hold: ties with a list's horizon."""
    rows = np.tile(np.array([[1.0, 0.0]], np.float32), (30, 1))
    window = WindowCentralizer(2, 2)
    for key, row in enumerate(rows):
        window.add(key, row)
    for feature in ([0.0, 1.0], [1.0, 0.0]):
        window.update(1, feature)
        rows[1] = feature
        np.testing.assert_allclose(window.features(), neighbor_centralize(rows, 2, 2))
        assert window.neighbors(0) == ((2, 3) if feature[1] else (1, 2))


def test_a_lone_feature_and_an_empty_window() -> None:
    window = WindowCentralizer()
    assert window.features().shape == (0, 0)
    window.add("a", [3.0, 4.0])
    np.testing.assert_allclose(window.features(), [[0.6, 0.8]])
    window.expire("a")
    assert window.features().shape == (0, 2)
    assert window.keys == ()


def test_what_comes_back_and_what_was_given_are_copies() -> None:
    row = np.array([1.0, 0.0])
    window = WindowCentralizer()
    window.add("a", row)
    row[:] = np.nan
    window.features()[:] = 9.0
    window.feature("a")[:] = 9.0
    np.testing.assert_array_equal(window.features(), [[1.0, 0.0]])


def test_a_full_window_says_so_or_forgets_the_oldest() -> None:
    window, rows = filled(3, capacity=3)
    with pytest.raises(ValueError, match="no room for 'new': the window is full with 3 features"):
        window.add("new", rows[0])
    assert window.keys == (0, 1, 2)
    window, rows = filled(5, capacity=3, when_full="expire-oldest")
    assert window.keys == (2, 3, 4)


def test_memory_is_bounded_by_what_is_held() -> None:
    window, rows = filled(100, capacity=100, dimensions=4)
    lists = window._lists
    assert lists is not None
    assert len(lists.rows) == 100
    for key in range(100, 3000):
        window.expire(key - 100)
        window.add(key, rows[key % 100], group=key)
        window.forbid(key, key - 1)
    assert len(lists.rows) == len(window._keys) == len(window._slots) == 100
    assert len(window._forbidden) <= 100
    assert len(window._groups._members) == len(window._groups._numbers) == 100


def test_a_departure_rarely_searches_anybody_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = 0
    search = NeighborLists.search

    def counted(self: NeighborLists, *given: object) -> object:
        nonlocal searched
        searched += 1
        return search(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(NeighborLists, "search", counted)
    rows = np.random.default_rng(3).standard_normal((900, 16))
    window, _ = filled(300, dimensions=16, k1=6, k2=6)
    for step, row in enumerate(rows):
        window.expire(step)
        window.add(300 + step, row)
    assert searched < 900


def test_the_callback_is_asked_for_few_pairs() -> None:
    asked = 0

    def allowed(one: Hashable, other: Hashable) -> bool:
        nonlocal asked
        asked += 1
        return True

    window, _ = filled(500, dimensions=16, allowed=allowed)
    asked = 0
    window.add("new", np.ones(16))
    assert asked < 100


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        ([np.nan, 1.0], "the feature of 'bad' must be finite; it is not"),
        ([0.0, 0.0], "the feature of 'bad' must have a direction; it is all zeros"),
        ([[1.0, 0.0]], r"the feature of 'bad' must have one dimension \(d\)"),
        ([1.0, 0.0, 0.0], "the feature of 'bad' must have 2 numbers, got 3"),
        ([1e200, 0.0], "the feature of 'bad' must be below"),
    ],
)
def test_a_feature_that_does_not_fit_is_named_and_changes_nothing(feature: list[float], says: str) -> None:
    window = WindowCentralizer()
    window.add("a", [1.0, 0.0])
    window.add("b", [0.0, 1.0])
    before = window.features()
    with pytest.raises(ValueError, match=says):
        window.add("bad", feature)
    with pytest.raises(ValueError, match=says.replace("'bad'", "'a'")):
        window.update("a", feature)
    np.testing.assert_array_equal(window.features(), before)
    assert window.keys == ("a", "b")


def test_a_key_twice_or_unknown_is_named() -> None:
    window = WindowCentralizer()
    window.add("a", [1.0, 0.0])
    with pytest.raises(ValueError, match="'a' is in the window already"):
        window.add("a", [0.0, 1.0])
    actions: list[Callable[[], object]] = [
        lambda: window.update("z", [1.0, 0.0]),
        lambda: window.expire("z"),
        lambda: window.feature("z"),
        lambda: window.neighbors("z"),
        lambda: window.forbid("a", "z"),
    ]
    for action in actions:
        with pytest.raises(KeyError, match="'z' is not in the window"):
            action()
    with pytest.raises(ValueError, match="'a' is never its own neighbour"):
        window.forbid("a", "a")


def test_settings_that_make_no_sense_are_named() -> None:
    with pytest.raises(ValueError, match="k1 must be 1 or more"):
        WindowCentralizer(0)
    with pytest.raises(ValueError, match="capacity must be 1 or more"):
        WindowCentralizer(capacity=0)
    with pytest.raises(ValueError, match="when_full must be 'error' or 'expire-oldest', got 'wait'"):
        WindowCentralizer(when_full="wait")  # type: ignore[arg-type]


def test_who_has_changed_is_said_once() -> None:
    rng = np.random.default_rng(20)
    window = WindowCentralizer(2, 2)
    assert window.changed() == ()
    before: dict[object, NDArray[np.float32]] = {}
    for key in range(40):
        window.add(key, rng.standard_normal(8))
        if key > 20 and key % 3 == 0:
            window.expire(key - 15)
            before.pop(key - 15, None)
        changed = window.changed()
        assert key in changed
        now = {other: window.feature(other) for other in window.keys}
        for other, row in now.items():
            if other not in changed:
                np.testing.assert_array_equal(row, before[other])
        before = now
        assert window.changed() == ()
    assert len(before) > 20
