from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import kept_prototypes
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from kept_prototypes import GENERATOR, MODEL, OPENED, open_store, prototype_of

from edge.clock import FakeClock
from edge.errors import StartError, StoreError
from edge.records import Prototype
from edge.stores import PrototypeStore
from edge.stores.labelled import SYNTHETIC, decode_png, notes_of
from edge.stores.prototype_table import RETIRED

CURRENT = MODEL, GENERATOR
PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    """Nobody leaves a file open."""
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "prototypes.db"


@pytest.fixture
def store(path: Path) -> PrototypeStore:
    return open_store(path)


def assert_equal(found: Prototype | None, expected: Prototype, *, pixels: bool = True) -> None:
    assert found is not None
    for name in Prototype.__dataclass_fields__:
        mine, theirs = getattr(found, name), getattr(expected, name)
        if name == "reference":
            assert (mine.camera, mine.track, mine.frame_number) == (theirs.camera, theirs.track, 120)
            assert (mine.captured_at_ns, mine.quality) == (theirs.captured_at_ns, theirs.quality)
            if pixels:
                np.testing.assert_array_equal(mine.image_bgr_hwc, theirs.image_bgr_hwc)
        elif isinstance(theirs, np.ndarray):
            if pixels or name != "pictures_bgr_mhwc":
                assert mine.dtype == theirs.dtype
                np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine == theirs, name


def test_what_was_put_is_there_after_opening_it_again(store: PrototypeStore, path: Path) -> None:
    made = prototype_of(4)
    assert store.put(made) == 1
    store.close()
    assert_equal(open_store(path).get(4), made)
    assert open_store(path).get(5) is None


def test_a_prototype_without_a_generated_picture_is_kept_too(store: PrototypeStore) -> None:
    made = prototype_of(4, pictures=0)
    store.put(made)
    found = store.get(4)
    assert_equal(found, made, pixels=False)
    assert found is not None
    assert found.generated.shape == (0, 8)
    assert len(found.pictures_bgr_mhwc) == 0
    assert [one.name for one in store.pictures(4)] == ["reference"]


def test_the_newer_takes_the_place_of_the_older_and_versions_only_grow(store: PrototypeStore) -> None:
    assert [store.put(prototype_of(4, version)) for version in (1, 5, 5, 2)] == [1, 2, 3, 4]
    found = store.get(4)
    assert found is not None
    assert found.version == 7
    np.testing.assert_array_equal(found.real, prototype_of(4, 2).real)
    assert len(store.kept()) == 1


def test_a_reader_polls_what_is_new_without_pixels(store: PrototypeStore, path: Path) -> None:
    reader = open_store(path)
    assert reader.since(0, *CURRENT) == []
    store.put(prototype_of(1))
    store.put(prototype_of(2))
    (first, one), (last, two) = reader.since(0, *CURRENT)
    assert_equal(one, prototype_of(1), pixels=False)
    assert_equal(two, prototype_of(2), pixels=False)
    assert one.pictures_bgr_mhwc.size == one.reference.image_bgr_hwc.size == 0
    assert first < last
    store.put(prototype_of(1, 2))
    ((newest, again),) = reader.since(last, *CURRENT)
    assert (again.identity, again.version) == (1, 2)
    assert reader.since(newest, *CURRENT) == []


def test_prototypes_of_other_models_are_left_out_and_named_as_to_be_made_again(store: PrototypeStore) -> None:
    store.put(prototype_of(1))
    store.put(prototype_of(2, model="reid@2"))
    store.put(prototype_of(3, generator="ipg@2"))
    assert [one.identity for _, one in store.since(0, *CURRENT)] == [1]
    assert store.stale(*CURRENT) == [2, 3]
    store.put(prototype_of(2, 2))
    assert store.stale(*CURRENT) == [3]
    assert [one.identity for _, one in store.since(0, *CURRENT)] == [1, 2]


def test_pictures_say_of_themselves_that_they_are_generated(store: PrototypeStore, tmp_path: Path) -> None:
    made = prototype_of(9, pictures=3)
    store.put(made)
    files = store.export(9, tmp_path / "pictures")
    assert [file.name for file in files] == [
        "9-reference.png",
        "9-generated-1-front.png",
        "9-generated-2-back.png",
        "9-generated-3-left_side.png",
    ]
    reference, *generated = [file.read_bytes() for file in files]
    assert "Photograph" in notes_of(reference)["Description"]
    np.testing.assert_array_equal(decode_png(reference), made.reference.image_bgr_hwc)
    for png, image, pose in zip(generated, made.pictures_bgr_mhwc, made.poses, strict=True):
        notes = notes_of(png)
        assert notes["Description"] == SYNTHETIC
        assert "trainedAlgorithmicMedia" in notes["XML:com.adobe.xmp"]
        assert pose in notes["Comment"]
        np.testing.assert_array_equal(decode_png(png), image)
    assert [one.synthetic for one in store.pictures(9)] == [False, True, True, True]
    assert store.export(10, tmp_path / "pictures") == []


def test_other_programs_read_the_label(store: PrototypeStore, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is in the extra 'ipg'")
    store.put(prototype_of(9, pictures=1))
    with image.open(store.export(9, tmp_path)[1]) as picture:
        picture.load()
        assert picture.text["Description"] == SYNTHETIC
        assert "trainedAlgorithmicMedia" in picture.text["XML:com.adobe.xmp"]


def test_a_merge_keeps_the_one_of_the_better_reference(store: PrototypeStore) -> None:
    store.put(prototype_of(1, quality=0.2))
    last = store.put(prototype_of(2, quality=0.8))
    store.merge(1, 2)
    ((_, kept),) = store.since(last, *CURRENT)
    assert (kept.identity, kept.version) == (1, 2)
    np.testing.assert_array_equal(kept.real, prototype_of(2).real)
    assert store.get(2) is None
    assert [identity for _, identity in store.gone_since(0)] == [2]
    store.put(prototype_of(3, quality=0.1))
    store.merge(1, 3)
    assert len(store.kept()) == 1
    np.testing.assert_array_equal(store.get(1).real, prototype_of(2).real)  # type: ignore[union-attr]


def test_what_comes_late_for_a_merged_identity_is_the_others(store: PrototypeStore) -> None:
    store.merge(2, 3)
    store.merge(1, 2)
    store.put(prototype_of(3))
    assert [one.identity for one in store.kept()] == [1]


def test_a_renamed_identity_goes_on_by_itself(store: PrototypeStore) -> None:
    store.put(prototype_of(1))
    store.rename(1, 8)
    assert [one.identity for one in store.kept()] == [8]
    store.put(prototype_of(1))
    assert [one.identity for one in store.kept()] == [1, 8]
    assert [identity for _, identity in store.gone_since(0)] == []


def test_an_erased_person_is_in_no_byte_of_the_files_and_does_not_come_back(
    store: PrototypeStore, path: Path
) -> None:
    keep, erase = prototype_of(1), prototype_of(2)
    store.put(keep)
    store.put(erase)
    marks = [erase.real.tobytes(), store.pictures(2)[1].png[-60:-12]]

    def bytes_on_disk() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert all(mark in bytes_on_disk() for mark in marks)
    assert store.erase(2)
    assert not any(mark in bytes_on_disk() for mark in marks)
    assert keep.real.tobytes() in bytes_on_disk()
    assert store.put(prototype_of(2, 2)) == 0
    assert store.get(2) is None
    assert not store.erase(2)


def test_erasing_somebody_erases_who_was_merged_into_them(store: PrototypeStore) -> None:
    store.merge(2, 3)
    store.merge(1, 2)
    store.put(prototype_of(1))
    assert store.erase(1)
    for identity in (1, 2, 3):
        assert store.put(prototype_of(identity)) == 0
    store.merge(1, 4)
    assert store.put(prototype_of(4)) == 0


def test_a_reader_who_still_looks_delays_the_scrubbing_and_the_next_write_makes_up_for_it(
    path: Path,
) -> None:
    store = open_store(path)
    store.database._connection.execute("PRAGMA busy_timeout = 50")  # type: ignore[union-attr]
    made = prototype_of(2)
    store.put(made)
    log = path.with_name(path.name + "-wal")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM prototype").fetchone()
    store.erase(2)
    assert store.get(2) is None
    assert log.stat().st_size > 0
    other.execute("COMMIT")
    store.put(prototype_of(1))
    assert log.stat().st_size == 0
    assert made.real.tobytes() not in path.read_bytes()
    other.close()


def test_nobody_is_kept_longer_than_they_are_used(path: Path) -> None:
    clock = FakeClock()
    store = open_store(path, ttl_s=100.0, clock=clock)
    store.put(prototype_of(1))
    store.put(prototype_of(2))
    clock.advance(60)
    store.touch([2])
    clock.advance(60)
    assert [one.identity for one in store.kept()] == [2]
    assert store.get(1) is None
    assert store.pictures(1) == []
    assert [one.identity for _, one in store.since(0, *CURRENT)] == [2]
    assert store.expire() == [1]
    assert [identity for _, identity in store.gone_since(2)] == [1]
    assert store.put(prototype_of(1)) > 0


def test_beyond_the_bound_those_used_longest_ago_go_first(path: Path) -> None:
    clock = FakeClock()
    store = open_store(path, clock=clock)
    store.put(prototype_of(1))
    size = store.kept()[0].size_bytes
    store = open_store(path, clock=clock, bytes_max=3 * size + size // 2)
    for identity in (2, 3):
        clock.advance(1)
        store.put(prototype_of(identity))
    clock.advance(1)
    store.touch([1])
    clock.advance(1)
    store.put(prototype_of(4))
    assert [one.identity for one in store.kept()] == [1, 3, 4]
    assert sum(one.size_bytes for one in store.kept()) <= 3.5 * size


def test_notes_about_the_retired_do_not_grow_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.stores.prototypes.RETIRED_MAX", 5)
    store = open_store(path, bytes_max=1)
    store.erase(1000)
    for identity in range(1, 30):
        store.put(prototype_of(identity))
    assert len(store.gone_since(0)) <= 7
    with store.database.reading() as connection:
        found = connection.execute("SELECT count(*) FROM gone WHERE why != ?", (RETIRED,)).fetchone()
    assert found == (1,)


def test_a_store_of_other_peoples_numbers_is_emptied(store: PrototypeStore, path: Path) -> None:
    store.put(prototype_of(1))
    assert store.claim("gallery a") == 0
    assert open_store(path).claim("gallery a") == 0
    assert len(store.kept()) == 1
    assert open_store(path).claim("gallery b") == 1
    assert store.kept() == []
    assert store.put(prototype_of(1)) > 1


def test_parts_that_do_not_belong_together_are_refused(store: PrototypeStore) -> None:
    made = prototype_of(1, pictures=2)
    broken = Prototype(
        **{name: getattr(made, name) for name in Prototype.__dataclass_fields__} | {"poses": ("front",)}
    )
    with pytest.raises(ValueError, match="2 vectors, 1 poses and 2 pictures of identity 1"):
        store.put(broken)


# --- bad files ---


@pytest.mark.parametrize("content", [b"no database at all, " * 400, b"x"], ids=["long", "short"])
def test_a_foreign_file_is_moved_aside_and_a_new_one_begun(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(content)
    store = open_store(path, clock=FakeClock())
    assert store.put(prototype_of(1)) == 1
    aside = path.with_name("prototypes.db.broken-20231114T221320Z")
    assert aside.read_bytes() == content
    assert store.database.moved == aside
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"prototype store '{path}' ")
    assert line.endswith(f"; it was moved to '{aside.name}', and a new one begun")
    store.close()
    path.write_bytes(b"again" * 300)
    open_store(path, clock=FakeClock())
    assert path.with_name(aside.name + "-1").exists()


def test_somebody_elses_database_is_moved_aside_with_its_log(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    store = open_store(path)
    assert store.kept() == []
    assert store.database.moved is not None
    with sqlite3.connect(store.database.moved) as other:
        assert other.execute("SELECT count(*) FROM bookmarks").fetchone() == (0,)
    other.close()


def test_a_damaged_file_is_found_when_it_is_opened(path: Path) -> None:
    store = open_store(path)
    for identity in range(1, 20):
        store.put(prototype_of(identity))
    store.close()
    whole = bytearray(path.read_bytes())
    whole[4096 : len(whole) : 3] = b"\xa5" * len(range(4096, len(whole), 3))
    path.write_bytes(whole)
    store = open_store(path)
    assert store.database.moved is not None
    assert store.put(prototype_of(1)) == 1


def test_a_file_that_breaks_while_it_is_open_is_one_error_and_then_a_new_file(path: Path) -> None:
    store = open_store(path)
    for identity in range(1, 20):
        store.put(prototype_of(identity))
    store.database.scrub()
    path.write_bytes(b"\xa5" * path.stat().st_size)
    store.database._connection.execute("PRAGMA cache_size = 1")  # type: ignore[union-attr]
    with pytest.raises(StoreError, match=r"prototype store '.*' cannot be read: .*; it will be moved aside"):
        store.get(7)
    assert store.get(7) is None
    assert store.put(prototype_of(7)) == 1
    assert store.database.moved is not None


def test_who_has_it_open_follows_to_the_new_file_when_another_process_moved_the_old_one(path: Path) -> None:
    one, other = open_store(path), open_store(path)
    one.put(prototype_of(1))
    for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        file.replace(file.with_name("moved-" + file.name))
    other.put(prototype_of(2))
    assert [kept.identity for kept in one.kept()] == [2]


def test_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    store = open_store(path)
    with store.database.writing() as connection:
        connection.execute("PRAGMA user_version = 7")
    store.close()
    before = path.read_bytes()
    with pytest.raises(
        StartError, match=r"is of version 7, from a newer edge-reid; this one knows version 1"
    ):
        open_store(path)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        StartError, match=r"prototype store '/proc/nowhere/p\.db' cannot be opened: "
    ) as caught:
        open_store(Path("/proc/nowhere/p.db"))
    assert "\n" not in str(caught.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="see that the file and its folder may be written"):
        open_store(tmp_path / "file" / "p.db")
    (tmp_path / "p.db").mkdir()
    with pytest.raises(StartError, match="unable to open database file"):
        open_store(tmp_path / "p.db")


def test_a_full_disk_is_one_error_and_the_next_put_goes_on(store: PrototypeStore) -> None:
    store.put(prototype_of(1))
    with store.database.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreError, match=r"cannot be written: database or disk is full; free some space"):
        store.put(prototype_of(2, size_px=(128, 64)))
    assert [one.identity for one in store.kept()] == [1]
    connection.execute("PRAGMA max_page_count = 1000000")
    assert store.put(prototype_of(2)) == 2


def test_a_lock_somebody_keeps_is_one_error_and_the_next_put_goes_on(path: Path) -> None:
    store = open_store(path)
    store.database._connection.execute("PRAGMA busy_timeout = 20")  # type: ignore[union-attr]
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="database is locked; another process keeps it locked"):
        store.put(prototype_of(1))
    assert store.kept() == []  # a reader waits for nobody
    other.execute("ROLLBACK")
    assert store.put(prototype_of(1)) == 1
    other.close()


# --- several threads and processes ---


def test_threads_may_share_one(store: PrototypeStore) -> None:
    def put(identity: int) -> None:
        for version in range(1, 6):
            store.put(prototype_of(identity, version))

    threads = [threading.Thread(target=put, args=(identity,)) for identity in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert [(one.identity, one.version) for one in store.kept()] == [(1, 5), (2, 5), (3, 5)]
    assert store.put(prototype_of(4)) == 16


def test_a_writer_killed_in_the_middle_of_writing_loses_nothing_it_was_told_is_kept(path: Path) -> None:
    """Twelve writers one after the other, each killed at another moment, a reader open throughout."""
    reader = open_store(path)
    newest: dict[int, int] = {}
    last = 0
    for kill in range(12):
        command = [sys.executable, kept_prototypes.__file__, str(path), "3"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            said = []
            for line in writer.stdout or ():
                said.append(line)
                seen = reader.since(last, *CURRENT)
                assert [number for number, _ in seen] == sorted(number for number, _ in seen)
                last = max((number for number, _ in seen), default=last)
                if len(said) == 1 + kill * 2:  # while it works on the next one
                    writer.send_signal(signal.SIGKILL)
        assert writer.returncode == -signal.SIGKILL
        for sequence, identity, version in (map(int, line.split()) for line in said if line.endswith("\n")):
            newest[identity] = max(newest.get(identity, 0), version)
            assert sequence > 0
        for identity, version in newest.items():
            found = reader.get(identity)
            assert found is not None
            assert found.version >= version
            assert_equal(found, prototype_of(identity, found.version))
    with reader.database.reading() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert sum(newest.values()) > 60


# --- against a model ---


class StoreMachine(RuleBasedStateMachine):
    """Two openings of one file against dictionaries."""

    identities = st.integers(1, 5)

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile_dir())
        self.stores = [open_store(self.folder / "p.db") for _ in range(2)]
        self.kept: dict[int, tuple[int, Prototype]] = {}
        self.heirs: dict[int, int] = {}
        self.erased: set[int] = set()
        self.seen: dict[int, int] = {}
        self.polled = [0, 0]
        self.mirrors: list[dict[int, int]] = [{}, {}]
        self.sequence = 0

    def present(self, identity: int) -> int:
        while identity in self.heirs:
            identity = self.heirs[identity]
        return 0 if identity in self.erased else identity

    @rule(which=st.integers(0, 1), identity=identities, seed=st.integers(0, 99))
    def put(self, which: int, identity: int, seed: int) -> None:
        made = prototype_of(identity, 1, seed=seed, pictures=1, quality=seed / 100, size_px=(4, 2))
        sequence = self.stores[which].put(made)
        name = self.present(identity)
        if name == 0:
            assert sequence == 0
            return
        assert sequence > self.sequence
        self.sequence = sequence
        version = self.kept[name][0] + 1 if name in self.kept else 1
        self.kept[name] = version, made

    @rule(which=st.integers(0, 1), identity=identities, other=identities)
    def merge(self, which: int, identity: int, other: int) -> None:
        heir = self.present(identity)
        if identity == other or other in self.heirs or other in self.erased or heir == other:
            return
        self.stores[which].merge(identity, other)
        given = self.kept.pop(other, None)
        if heir == 0:
            self.erased.add(other)
            return
        self.heirs[other] = heir
        if given is None:
            return
        held = self.kept.get(heir)
        if held is None:
            self.kept[heir] = given
        elif held[1].reference.quality < given[1].reference.quality:
            self.kept[heir] = max(given[0], held[0] + 1), given[1]

    @rule(which=st.integers(0, 1), identity=identities)
    def erase(self, which: int, identity: int) -> None:
        group = {identity} | {other for other in self.heirs if self.ends_at(other, identity)}
        assert self.stores[which].erase(identity) == any(one in self.kept for one in group)
        for one in group:
            self.kept.pop(one, None)
            self.heirs.pop(one, None)
            self.erased.add(one)

    def ends_at(self, other: int, identity: int) -> bool:
        while other in self.heirs:
            other = self.heirs[other]
            if other == identity:
                return True
        return False

    @precondition(lambda self: hasattr(self, "stores"))
    @rule(which=st.integers(0, 1))
    def open_again(self, which: int) -> None:
        self.stores[which].close()
        self.stores[which] = open_store(self.folder / "p.db")

    @rule(which=st.integers(0, 1))
    def poll(self, which: int) -> None:
        """Who polls knows the same as the store: what is new, less who is gone since."""
        store, mirror = self.stores[which], self.mirrors[which]
        changes: list[tuple[int, int, int]] = [
            (number, one.identity, one.version) for number, one in store.since(self.polled[which], *CURRENT)
        ]
        changes += [(number, identity, 0) for number, identity in store.gone_since(self.polled[which])]
        for number, identity, version in sorted(changes):
            mirror[identity] = version
            self.polled[which] = number
        assert {i: v for i, v in mirror.items() if v} == {i: v for i, (v, _) in self.kept.items()}

    @invariant()
    def both_openings_have_what_was_put(self) -> None:
        for store in getattr(self, "stores", ()):
            assert {one.identity: one.version for one in store.kept()} == {
                identity: version for identity, (version, _) in self.kept.items()
            }
            for identity, (_, made) in self.kept.items():
                found = store.get(identity)
                assert found is not None
                np.testing.assert_array_equal(found.real, made.real)
                np.testing.assert_array_equal(found.pictures_bgr_mhwc, made.pictures_bgr_mhwc)

    def teardown(self) -> None:
        for store in getattr(self, "stores", ()):
            store.close()
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)


def tempfile_dir() -> str:
    import tempfile

    return tempfile.mkdtemp(prefix="prototypes-")


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
