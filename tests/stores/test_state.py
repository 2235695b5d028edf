from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.clock import FakeClock
from edge.errors import StartError, StoreError
from edge.stores import Change, Counts, Exemplar, KeptPiece, KeptRun, KeptStrand, StateStore

MODEL = "reid@1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[StateStore]:
    store = StateStore(path, clock=FakeClock())
    yield store
    store.close()


@pytest.fixture
def run(store: StateStore) -> KeptRun:
    return store.begin("r1", "plaza", MODEL, 5)


def exemplar(strand: int, camera: str = "door", start_s: float = 0.0, epoch: int = 0) -> Exemplar:
    vector = np.random.default_rng(strand).standard_normal(8).astype(np.float32)
    place = (10.0, 20.5), (30.25, 40.0), 99.5
    return Exemplar(camera, vector, 2.5, start_s, start_s + 9.0, *place, 7, f"{camera}/7/1", strand, epoch)


def strand(number: int, identity: int = 1, visit: int = 0) -> KeptStrand:
    vector = np.random.default_rng(number).standard_normal(8).astype(np.float32)
    geometry = tuple(float(n) / 3 for n in range(13))
    who = identity, 0.75, True, 40, 3.5
    return KeptStrand(number, "door", 7, visit or number, 0, *who, vector, geometry, ("door/7/0", "door/7/1"))


def piece(uid: str, strand: int, done: int = 0) -> KeptPiece:
    boxes = np.arange(12, dtype=np.float32).reshape(3, 4) / 7
    frames, times = np.array([4, 5, 9]), np.array([10**18, 10**18 + 1, 10**18 + 5])
    return KeptPiece(uid, "door", strand, done, frames, times, boxes, np.array([0.5, 0.25, 1.0], np.float32))


def assert_same(one: object, other: object) -> None:
    for name in type(other).__dataclass_fields__:  # type: ignore[attr-defined]
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(theirs, np.ndarray):
            np.testing.assert_array_equal(mine, theirs)
            assert mine.dtype == theirs.dtype
        else:
            assert mine == theirs, name


def test_what_was_committed_is_loaded(store: StateStore, run: KeptRun) -> None:
    visits = {1: [exemplar(1), exemplar(4, "yard", 50.0)], 2: [exemplar(2, start_s=5.0)]}
    change = Change(
        Counts(9, 3, 1),
        people=visits,
        apart={1: {2}, 2: {1}},
        strands=[strand(5), strand(6, visit=5)],
        pieces=[piece("door/7/0", 5, 1)],
        lines=[(1, '{"a": 1}'), (2, '{"b": 2}')],
    )
    assert store.commit(run, change) == []
    kept = store.load(MODEL, run.number)
    assert kept.counts == Counts(9, 3, 1)
    assert list(kept.people) == [2, 1]  # those seen longest ago first
    for identity, expected in visits.items():
        for mine, theirs in zip(kept.people[identity], expected, strict=True):
            assert_same(mine, theirs)
    assert kept.apart == [(1, 2)]
    for mine, theirs in zip(kept.strands, change.strands, strict=True):
        assert_same(mine, theirs)
    assert_same(kept.pieces[0], change.pieces[0])
    assert (kept.events, kept.others) == (2, 0)
    assert store.cameras() == ["door", "yard"]


def test_the_outbox_holds_what_is_not_known_to_be_told(store: StateStore, run: KeptRun) -> None:
    store.commit(run, Change(Counts(), lines=[(1, "one"), (2, "two")]))
    store.commit(run, Change(Counts(), lines=[(3, "three")], told=1))
    assert store.outbox() == [(2, "two"), (3, "three")]
    assert store.load(MODEL, 1).events == 3
    store.commit(run, Change(Counts(), told=3))
    assert store.outbox() == []
    assert store.load(MODEL, 1).events == 3


def test_strands_and_pieces_go_and_change(store: StateStore, run: KeptRun) -> None:
    store.commit(run, Change(Counts(), strands=[strand(1), strand(2)], pieces=[piece("door/7/0", 1)]))
    store.commit(
        run,
        Change(Counts(), strands=[strand(2, identity=9)], strands_gone=[1], pieces=[piece("door/7/0", 1, 2)]),
    )
    kept = store.load(MODEL, 1)
    assert [(one.number, one.identity) for one in kept.strands] == [(2, 9)]
    assert [one.done for one in kept.pieces] == [2]
    store.commit(run, Change(Counts(), pieces_gone=["door/7/0"]))
    assert store.load(MODEL, 1).pieces == []
    store.commit(run, Change(Counts(), strands=[strand(3)]), whole=True)
    assert [one.number for one in store.load(MODEL, 1).strands] == [3]
    store.end(run.number)
    assert store.load(MODEL, 1).strands == []
    assert store.last_run() == KeptRun(1, "r1", "plaza", MODEL, 5, ended=True)


def test_visits_are_counted_also_when_only_a_few_are_remembered(store: StateStore, run: KeptRun) -> None:
    for number in range(1, 6):
        store.commit(run, Change(Counts(), people={1: [exemplar(number, start_s=100.0 * number)]}))
    (person,) = store.people()
    assert person.visits == {"door": 5}
    assert (person.first_s, person.last_s, person.exemplars) == (100.0, 509.0, 1)


def test_a_visit_that_turns_out_to_be_anothers_is_counted_there(store: StateStore, run: KeptRun) -> None:
    one, two = exemplar(1), exemplar(2)
    store.commit(run, Change(Counts(), people={1: [one, two]}))
    store.commit(run, Change(Counts(), people={1: [one], 2: [two]}))
    assert [(p.identity, dict(p.visits)) for p in store.people()] == [(1, {"door": 1}), (2, {"door": 1})]


def test_a_merge_hands_everything_over(store: StateStore, run: KeptRun) -> None:
    people = {1: [exemplar(1)], 2: [exemplar(2, "yard")], 3: [exemplar(3)]}
    store.commit(run, Change(Counts(), people=people))
    store.commit(run, Change(Counts(), merged=[(3, 2), (2, 1)], people={1: [exemplar(1)], 2: (), 3: ()}))
    (person,) = store.people()
    assert (person.identity, dict(person.visits)) == (1, {"door": 2, "yard": 1})
    assert store.heir_of(3) == store.heir_of(2) == store.heir_of(1) == 1
    assert store.names_of(1) == [1, 2, 3]


def test_epochs_count_from_the_run_that_asks(store: StateStore, run: KeptRun) -> None:
    store.commit(run, Change(Counts(), people={1: [exemplar(1)]}))
    store.end(run.number)
    second = store.begin("r2", "plaza", MODEL, 6)
    kept = store.load(MODEL, second.number).people[1]
    assert [one.epoch for one in kept] == [-1]
    store.commit(second, Change(Counts(), people={1: [*kept, exemplar(2)]}))
    third = store.begin("r3", "plaza", MODEL, 7)
    assert [one.epoch for one in store.load(MODEL, third.number).people[1]] == [-2, -1]


def test_what_another_model_knows_is_left_out_and_left_alone(store: StateStore, run: KeptRun) -> None:
    store.commit(run, Change(Counts(), people={1: [exemplar(1)], 2: [exemplar(2)]}, apart={1: {2}, 2: {1}}))
    other = store.begin("r2", "plaza", "reid@2", 6)
    kept = store.load("reid@2", other.number)
    assert (dict(kept.people), kept.apart, kept.others) == ({}, [], 2)
    store.commit(other, Change(Counts(), people={1: (), 3: [exemplar(3)]}, apart={1: set(), 3: set()}))
    back = store.load(MODEL, 3)
    assert (list(back.people), back.apart, back.others) == ([1, 2], [(1, 2)], 1)


def test_numbers_reported_elsewhere_are_not_given_again(store: StateStore, run: KeptRun) -> None:
    store.commit(run, Change(Counts(9, 3, 1)))
    store.count_from(2)
    assert store.load(MODEL, 1).counts == Counts(9, 3, 1)
    store.count_from(10)
    assert store.load(MODEL, 1).counts == Counts(9, 10, 8)  # nobody more is known


def test_lessons_are_kept_by_name(store: StateStore) -> None:
    store.teach({"a": b"1", "b": b"2"})
    store.teach({"b": b"3"})
    assert store.lessons() == {"a": b"1", "b": b"3"}


def test_an_erased_person_is_in_no_byte_of_the_files(store: StateStore, run: KeptRun, path: Path) -> None:
    gone, stay = exemplar(1), exemplar(2)
    event = {"identity": 1, "previous": 0, "note": "about-the-erased"}
    other = {"identity": 2, "previous": 0}
    store.commit(
        run,
        Change(
            Counts(5, 5),
            people={1: [gone], 2: [stay]},
            strands=[strand(7, identity=1)],
            pieces=[piece("door/7/0", 7)],
            apart={1: {2}, 2: {1}},
            lines=[(1, json.dumps(event)), (2, json.dumps(other))],
        ),
    )
    store.commit(run, Change(Counts(5, 5), merged=[(4, 1)]))
    marks = [gone.vector.tobytes(), strand(7).vector.tobytes(), b"about-the-erased"]

    def on_disk() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert all(mark in on_disk() for mark in marks)
    looker = StateStore(path, exclusive=False)
    assert looker.is_in_use
    assert looker.erase(1)
    looker.close()
    assert not any(mark in on_disk() for mark in marks)
    assert stay.vector.tobytes() in on_disk()
    assert store.outbox() == [(2, json.dumps(other))]
    kept = store.load(MODEL, 1)
    assert (list(kept.people), kept.apart, kept.strands, kept.pieces) == ([2], [], [], [])
    assert store.commit(run, Change(Counts(5, 5))) == [1, 4]
    assert store.commit(run, Change(Counts(5, 5))) == []


def test_forgetting_everybody_keeps_the_numbers(store: StateStore, run: KeptRun) -> None:
    owner = store.owner
    assert owner == store.owner
    store.commit(run, Change(Counts(5, 5, 1), people={1: [exemplar(1)]}))
    store.teach({"a": b"1"})
    store.forget_everybody()
    assert (store.people(), store.lessons(), store.load(MODEL, 1).counts) == ([], {}, Counts(5, 5, 1))
    assert store.owner != owner


def test_one_run_at_a_time_and_any_number_of_lookers(path: Path) -> None:
    store = StateStore(path)
    with pytest.raises(StartError, match=r"another edge-run writes state '.*state\.db'; end it"):
        StateStore(path)
    looker = StateStore(path, exclusive=False)
    assert looker.is_in_use
    store.close()
    assert not looker.is_in_use
    looker.close()
    again = StateStore(path)
    again.close()
    assert [file.name for file in path.parent.iterdir()] == ["state.db"]


def test_who_only_looks_makes_and_moves_nothing(path: Path) -> None:
    with pytest.raises(StartError, match="there is no state"):
        StateStore(path, exclusive=False)
    assert not path.exists()
    path.write_bytes(b"somebody's letters " * 100)
    with pytest.raises(StartError, match=r"state '.*state\.db' cannot be used \(file is not a database\)"):
        StateStore(path, exclusive=False)
    assert [file.name for file in path.parent.iterdir()] == ["state.db"]


def test_a_newer_version_is_refused(store: StateStore, path: Path) -> None:
    with store.database.writing() as connection:
        connection.execute("PRAGMA user_version = 12")
    store.close()
    with pytest.raises(StartError, match="is of version 12, from a newer edge-reid"):
        StateStore(path)


def test_a_change_for_another_state_is_refused(store: StateStore, run: KeptRun) -> None:
    with pytest.raises(StoreError, match="is not the one it was"):
        store.commit(KeptRun(1, "r7", "plaza", MODEL, 5, ended=False), Change(Counts()))


def test_a_lock_is_not_waited_for_by_a_run(store: StateStore, run: KeptRun, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="database is locked"):
        store.commit(run, Change(Counts(1, 1)))
    other.execute("ROLLBACK")
    store.commit(run, Change(Counts(1, 1)))
    other.close()


def test_nobody_else_may_read_the_file(store: StateStore, path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0
