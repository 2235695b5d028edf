"""`edge gallery`, on the state and the outputs of a short run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from kept_prototypes import open_store, prototype_of
from kept_site import Session, across, events_of
from synthetic_site import Site
from typer.testing import CliRunner, Result

from edge.cli.main import app
from edge.config.pipeline import IdentifySpec

Edge = Callable[..., Result]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs of two runs with three people, the first one killed, and a prototype of person 1."""
    folder = tmp_path_factory.mktemp("ran")
    walks = [
        across(1, "door", 0.0, 1, 90.0),
        across(2, "door", 2.0, 2, 400.0),
        across(1, "hall", 12.0, 1, 90.0),
        across(3, "hall", 13.0, 2, 400.0),
    ]
    spec = IdentifySpec(revise_s=30.0, recent_s=20.0)
    Session(folder, Site(walks, identify=spec, seed=1), "a").drive(24.0)
    store = open_store(folder / "prototypes.db")
    store.put(prototype_of(1))
    store.put(prototype_of(2))
    store.close()
    (folder / "video").mkdir()
    (folder / "video" / "door.mp4").write_bytes(b"moving pictures")
    return folder


@pytest.fixture
def out(ran: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ran, tmp_path / "out"))


@pytest.fixture
def gallery(out: Path) -> Edge:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["gallery", *arguments, "--out", str(out)])

    return run


def test_the_list_says_who_is_remembered_since_when_how_often_and_where(gallery: Edge) -> None:
    result = gallery("list")
    assert result.exit_code == 0, result.stderr
    head, *lines = result.stdout.splitlines()
    assert head.split()[0] == "identity"
    rows = {line.split()[0]: line for line in lines}
    assert set(rows) == {"1", "2", "3"}
    assert "door (1), hall (1)" in rows["1"]
    assert rows["1"].split()[1:5] == ["2027-01-15T08:00:00.000Z", "2027-01-15T08:00:22.000Z", "2", "2"]


def test_json_is_one_object(gallery: Edge) -> None:
    people = json.loads(gallery("list", "--json").stdout)["people"]
    assert [one["identity"] for one in people] == [1, 2, 3]
    assert people[0]["visits"] == {"door": 1, "hall": 1}
    assert people[0]["generated"] == 2
    shown = json.loads(gallery("show", "1", "--json").stdout)
    assert shown["identity"] == 1
    assert shown["looks"] == 2
    assert shown["prototype"]["pictures"] == 2


def test_one_person_is_shown(gallery: Edge) -> None:
    lines = gallery("show", "1").stdout.splitlines()
    assert lines[0] == "identity 1"
    assert "door: 1 visit" in lines
    assert "looks of 2 visits, by reid@1" in lines
    assert "prototype version 1, 2 generated pictures, by ipg@1" in lines
    result = gallery("show", "77")
    assert result.exit_code == 2
    assert "nobody is remembered as identity 77" in result.stderr


def test_pictures_are_exported(gallery: Edge, tmp_path: Path) -> None:
    result = gallery("export", "1", "--to", str(tmp_path / "pictures"))
    assert result.exit_code == 0, result.stderr
    assert len(list((tmp_path / "pictures").glob("1-*.png"))) == 3
    assert gallery("export", "3", "--to", str(tmp_path)).exit_code == 2


def test_an_erased_person_is_nowhere_but_in_videos(gallery: Edge, out: Path) -> None:
    (out / "earlier" / "z" / "tracks").mkdir(parents=True)
    shutil.copy(out / "tracks" / "door.txt", out / "earlier" / "z" / "tracks" / "door.txt")
    result = gallery("erase", "1", "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["found"] is True
    files = {Path(row["file"]).relative_to(out).as_posix(): row for row in facts["outputs"]}
    assert files["video/door.mp4"]["remains"] == "may show the person"
    assert files["events.jsonl"]["removed"] > 0
    assert files["earlier/z/tracks/door.txt"]["removed"] > 0
    assert 'id="id-1"' not in (out / "report.html").read_text()
    assert 'id="id-2"' in (out / "report.html").read_text()
    assert {event["identity"] for event in events_of(out)} == {2, 3}
    for tracks in out.rglob("*.txt"):
        rows = [line.split(",")[1] for line in tracks.read_text().splitlines()]
        assert "1" not in rows
        assert rows
    assert [one["identity"] for one in json.loads(gallery("list", "--json").stdout)["people"]] == [2, 3]
    store = open_store(out / "prototypes.db")
    assert [one.identity for one in store.kept()] == [2]
    store.close()
    again = gallery("erase", "1")
    assert again.stdout.splitlines()[0] == "nothing was known of identity 1; nothing will be from now on"


def test_while_a_run_goes_on_its_outputs_are_left_alone(gallery: Edge, out: Path) -> None:
    from edge.stores import StateStore

    store = StateStore(out / "state.db")
    before = (out / "events.jsonl").read_bytes()
    result = gallery("erase", "2")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "identity 2 is erased"
    assert "a run is writing to" in result.stderr
    assert (out / "events.jsonl").read_bytes() == before
    store.close()


def test_without_a_state_it_is_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["gallery", "list", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert f"{tmp_path}/state.db: there is no such state" in result.stderr


def test_a_file_of_somebody_else_is_3_and_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "photos.db").write_bytes(b"not a state " * 99)
    result = CliRunner().invoke(app, ["gallery", "list", "--state", str(tmp_path / "photos.db")])
    assert result.exit_code == 3
    assert "file is not a database" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["photos.db"]
