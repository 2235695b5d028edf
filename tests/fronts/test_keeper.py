"""A run's state on disk: what a kill at any moment leaves, and what the next run makes of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kept_site import MODEL, Killed, Session, across, events_of, people_in
from synthetic_site import Site, Walk

from edge.config.pipeline import IdentifySpec
from edge.errors import StartError
from edge.stages.sink.events import EventSink
from edge.stores import StateStore

SPEC = IdentifySpec(revise_s=30.0, recent_s=20.0)
SESSIONS: list[Session] = []


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while SESSIONS:
        SESSIONS.pop().store.close()


def walks(begin_s: float = 0.0) -> list[Walk]:
    """Six people through two cameras, in pairs, a minute and more."""
    found = []
    for person in range(1, 7):
        row = 90.0 if person % 2 else 400.0
        start_s = begin_s + 12.0 * ((person - 1) // 2)
        found += [
            across(person, "door", start_s, person, row),
            across(person, "hall", start_s + 14.0, person, row),
        ]
    return found


def begin(folder: Path, name: str, begin_s: float = 0.0, **options: object) -> Session:
    site = Site(walks(begin_s), identify=SPEC, seed=1)
    session = Session(folder, site, name, begin_s=begin_s, **options)  # type: ignore[arg-type]
    SESSIONS.append(session)
    return session


def kill_at(moment_s: float):  # type: ignore[no-untyped-def]
    def watch(time_s: float) -> None:
        if time_s >= moment_s:
            raise Killed

    return watch


def main_names(folder: Path, session: Session, store: StateStore) -> dict[int, int]:
    """Person -> the identity that nearly all boxes bear."""
    names = {}
    for person, counts in people_in(folder, session, store.heir_of).items():
        best = max(counts, key=counts.__getitem__)
        if counts[best] >= 0.8 * sum(counts.values()):
            names[person] = best
    return names


def assert_consistent(folder: Path, store: StateStore) -> None:
    """No event twice, no number given twice, nobody reported who is not known."""
    events = events_of(folder)
    ids = [event["event_id"] for event in events]
    assert len(set(ids)) == len(ids)
    announced: set[object] = {0}
    for event in events:
        if event["type"] in ("identity.new", "identity.split"):
            assert event["identity"] not in announced
            announced.add(event["identity"])
        assert event["identity"] in announced
    assert max(announced, key=int) <= store.load(MODEL, 1).counts.identities  # type: ignore[arg-type,operator]


@pytest.mark.parametrize("moment_s", [0.5, 6.0, 13.3, 21.0, 34.2, 47.9])
def test_who_was_seen_before_a_kill_is_the_same_after_it(tmp_path: Path, moment_s: float) -> None:
    first = begin(tmp_path, "a").drive(50.0, kill_at(moment_s))
    before = events_of(tmp_path)
    second = begin(tmp_path, "b", 100.0)
    assert events_of(tmp_path)[: len(before)] == before
    second.drive(50.0)
    store = StateStore(tmp_path / "state.db", exclusive=False)
    assert_consistent(tmp_path, store)
    now = main_names(tmp_path, second, store)
    assert len(set(now.values())) == 6
    then = main_names(tmp_path / "earlier" / "a", first, store)
    assert {person: now[person] for person in then} == then
    if moment_s > 20:
        assert len(then) >= 2
    closed = [one for one in first.run.closed.values() if len(one.frames) > 20]
    boxes = sum(sum(counts.values()) for counts in people_in(tmp_path / "earlier" / "a", first, int).values())
    assert boxes >= sum(len(one.frames) for one in closed)
    store.close()


def test_who_was_seen_before_an_end_is_the_same_after_it(tmp_path: Path) -> None:
    first = begin(tmp_path, "a").drive(50.0)
    then = main_names(tmp_path, first, first.store)
    second = begin(tmp_path, "b", 100.0)
    assert second.keeper.remembered == 6
    second.drive(50.0)
    assert not (tmp_path / "earlier").exists()
    now = main_names(tmp_path, second, second.store)
    assert now == then
    assert len(set(now.values())) == 6
    people = {one.identity: one for one in second.store.people()}
    assert set(people) == set(now.values())
    assert all(one.visits == {"door": 2, "hall": 2} for one in people.values())
    assert all(90.0 < one.last_s - one.first_s < 160.0 for one in people.values())


def test_a_file_that_is_played_again_at_the_same_time_is_the_same_people(tmp_path: Path) -> None:
    """With ``starts_at`` a restart plays the same moments again: another pass, not two places at once."""
    first = begin(tmp_path, "a").drive(50.0, kill_at(30.0))
    second = begin(tmp_path, "b").drive(50.0)
    store = second.store
    then = main_names(tmp_path / "earlier" / "a", first, store)
    now = main_names(tmp_path, second, store)
    assert len(then) >= 2
    assert {person: now[person] for person in then} == then


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_kills_on_the_way_to_the_file_lose_no_event_and_write_none_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the transaction and before the line; and while the next run makes up for it."""
    session = begin(tmp_path, "a")
    write = EventSink._write
    lost: list[str] = []

    def die(sink: EventSink, lines: list[str]) -> None:
        if len(events_of(tmp_path)) >= 6 and lines:
            lost.extend(lines)
            raise Killed
        write(sink, lines)

    monkeypatch.setattr(EventSink, "_write", die)
    session.drive(50.0)
    assert lost
    with pytest.raises(Killed):
        begin(tmp_path, "b", 100.0)
    monkeypatch.undo()
    third = begin(tmp_path, "c", 200.0)
    text = (tmp_path / "events.jsonl").read_text("utf-8").splitlines()
    assert all(text.count(line) == 1 for line in set(lost))
    third.drive(50.0)
    assert_consistent(tmp_path, third.store)


def test_a_state_that_lags_behind_what_was_reported_gives_no_number_twice(tmp_path: Path) -> None:
    """As after a power cut: the newest transactions are gone, the events are not."""
    begin(tmp_path, "a").drive(14.0)
    shutil.copy(tmp_path / "state.db", tmp_path / "old.db")
    begin(tmp_path, "b", 100.0).drive(50.0)
    (tmp_path / "old.db").replace(tmp_path / "state.db")
    third = begin(tmp_path, "c", 200.0).drive(50.0)
    assert_consistent(tmp_path, third.store)


def test_without_a_state_numbers_go_on_after_the_largest_in_the_events(tmp_path: Path) -> None:
    begin(tmp_path, "a").drive(50.0)
    (tmp_path / "state.db").write_bytes(b"broken" * 1000)
    second = begin(tmp_path, "b", 100.0)
    assert second.keeper.remembered == 0
    second.drive(50.0)
    assert_consistent(tmp_path, second.store)
    assert len(second.store.people()) == 6
    assert [path.name for path in tmp_path.glob("state.db.broken-*")]


def test_fresh_forgets_everybody_and_gives_new_numbers(tmp_path: Path) -> None:
    first = begin(tmp_path, "a").drive(50.0)
    names = set(main_names(tmp_path, first, first.store).values())
    second = begin(tmp_path, "b", 100.0, fresh=True)
    assert second.keeper.remembered == 0
    second.drive(50.0)
    assert names.isdisjoint(main_names(tmp_path, second, second.store).values())
    assert_consistent(tmp_path, second.store)


def test_people_of_another_model_are_kept_and_not_matched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = begin(tmp_path, "a").drive(50.0)
    then = main_names(tmp_path, first, first.store)
    other = begin(tmp_path, "b", 100.0, model="reid@2")
    assert "6 people are remembered by another ReID model than reid@2; they are kept, and not matched" in (
        caplog.text
    )
    other.drive(50.0)
    assert set(then.values()).isdisjoint(main_names(tmp_path, other, other.store).values())
    back = begin(tmp_path, "c", 200.0).drive(50.0)
    assert main_names(tmp_path, back, back.store) == then
    assert_consistent(tmp_path, back.store)


def test_a_full_disk_stops_nothing_and_is_made_up_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = begin(tmp_path, "a")
    connection = first.store.database._connection
    assert connection is not None

    def watch(time_s: float) -> None:
        if time_s == 8.0:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")
        if time_s == 30.0:
            connection.execute("PRAGMA max_page_count = 1000000")
        if time_s == 49.0:
            raise Killed

    first.drive(50.0, watch)
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 2
    assert "database or disk is full; free some space; the run goes on" in said[0]
    assert "is written again; nothing is missing" in said[1]
    second = begin(tmp_path, "b", 100.0).drive(50.0)
    assert_consistent(tmp_path, second.store)
    then = main_names(tmp_path / "earlier" / "a", first, second.store)
    now = main_names(tmp_path, second, second.store)
    assert len(then) >= 4
    assert {person: now[person] for person in then} == then


def test_a_state_that_is_taken_away_meanwhile_is_written_anew(tmp_path: Path) -> None:
    first = begin(tmp_path, "a")

    def watch(time_s: float) -> None:
        if time_s == 20.0:
            for file in tmp_path.glob("state.db*"):
                file.unlink()
        if time_s == 48.0:
            raise Killed

    first.drive(50.0, watch)
    second = begin(tmp_path, "b", 100.0).drive(50.0)
    then = main_names(tmp_path / "earlier" / "a", first, second.store)
    now = main_names(tmp_path, second, second.store)
    assert len(then) >= 4
    assert {person: now[person] for person in then} == then
    assert_consistent(tmp_path, second.store)


def test_who_is_erased_while_a_run_goes_on_is_forgotten_by_it(tmp_path: Path) -> None:
    first = begin(tmp_path, "a").drive(50.0)
    names = main_names(tmp_path, first, first.store)
    second = begin(tmp_path, "b", 100.0)
    erased = names[1]

    def watch(time_s: float) -> None:
        if time_s == 1.0:
            with_store = StateStore(tmp_path / "state.db", exclusive=False)
            assert with_store.is_in_use
            assert with_store.erase(erased)
            with_store.close()

    second.drive(50.0, watch)
    assert erased not in {one.identity for one in second.store.people()}
    third = begin(tmp_path, "c", 200.0).drive(50.0)
    now = main_names(tmp_path, third, third.store)
    assert now[1] != erased
    assert {person: now[person] for person in (3, 4, 5, 6)} == {
        person: names[person] for person in (3, 4, 5, 6)
    }


def test_two_runs_cannot_write_one_state(tmp_path: Path) -> None:
    first = begin(tmp_path, "a")
    with pytest.raises(
        StartError, match=r"another edge-run writes state '.*state\.db'; end it, or give another"
    ):
        begin(tmp_path, "b")
    first.die()


def test_a_run_torn_down_in_the_middle_is_ended_by_the_next(tmp_path: Path) -> None:
    """A second Ctrl-C: the outputs are closed, and what was not settled is left open."""
    first = begin(tmp_path, "a")
    with pytest.raises(ZeroDivisionError):
        first.drive(50.0, lambda time_s: 1 / 0 if time_s > 30.0 else None)  # type: ignore[func-returns-value]
    first.outputs.close(first.summary())
    first.keeper.close()
    second = begin(tmp_path, "b", 100.0)
    assert (tmp_path / "earlier" / "a" / "tracks" / "door.txt").stat().st_size > 0
    second.drive(50.0)
    then = main_names(tmp_path / "earlier" / "a", first, second.store)
    now = main_names(tmp_path, second, second.store)
    assert {person: now[person] for person in then} == then
    assert len(then) >= 2


def test_outputs_elsewhere_are_left_alone(tmp_path: Path) -> None:
    begin(tmp_path, "a").drive(50.0, kill_at(20.0))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(tmp_path / "state.db", elsewhere / "state.db")
    for log in tmp_path.glob("state.db-*"):
        shutil.copy(log, elsewhere / log.name)
    second = begin(elsewhere, "b", 100.0)
    assert second.keeper.remembered >= 2
    assert not (elsewhere / "earlier").exists()
    assert (tmp_path / "tracks").is_dir()
    second.die()
