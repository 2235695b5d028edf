"""Bodies of ``edge gallery list | show | erase``: whom a site remembers, and forgetting them."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.stores import KeptPerson, PrototypeStore, StateStore

__all__ = ["erase", "export", "list_people", "show"]

FOR_EVER_S = 1e9
EVERYTHING_BYTES = 2**62


def list_people(out: Path | None, state: Path | None, json: bool = False) -> int:
    """Print whom the state remembers: since when, how often, in which cameras, and with how many pictures.

    Args:
        out: output folder of the runs.
        state: the state's file, where it is not in ``out``.
        json: print one JSON object instead of a table.

    Raises:
        ConfigError: there is no state.
        StartError: it cannot be read.
    """
    from edge.cli.plain_table import print_table

    with _open(out, state) as (store, prototypes, _):
        people = store.people()
        pictures = {one.identity: one.pictures for one in prototypes.kept()} if prototypes else {}
    if json:
        rows = [_facts(person) | {"generated": pictures.get(person.identity, 0)} for person in people]
        print(jsonlib.dumps({"people": rows}))
        return 0
    if not people:
        print("nobody is remembered")
        return 0
    table: list[Sequence[str]] = [("identity", "since", "last seen", "visits", "generated", "cameras")]
    for person in people:
        cameras = ", ".join(f"{camera} ({count})" for camera, count in person.visits.items())
        visits = str(sum(person.visits.values()))
        drawn = str(pictures.get(person.identity, 0))
        table.append(
            (str(person.identity), _time(person.first_s), _time(person.last_s), visits, drawn, cameras)
        )
    print_table(table, words=("since", "last seen", "cameras"))
    return 0


def show(identity: int, out: Path | None, state: Path | None, json: bool = False) -> int:
    """Print everything that is kept of one person, without pictures.

    Raises:
        ConfigError: there is no state, or nobody of that name.
        StartError: it cannot be read.
    """
    with _open(out, state) as (store, prototypes, file):
        name = store.heir_of(identity)
        person = next((one for one in store.people() if one.identity == name), None)
        kept = [one for one in prototypes.kept() if one.identity == name] if prototypes else []
        if person is None and not kept:
            raise ConfigError(f"nobody is remembered as identity {identity}", file=str(file))
        names = store.names_of(name)
    facts: dict[str, object] = {"identity": name, "formerly": names[1:]}
    if person is not None:
        facts |= _facts(person)
    facts["prototype"] = asdict(kept[0]) if kept else None
    if json:
        print(jsonlib.dumps(facts))
        return 0
    print(f"identity {name}" + (f" (asked for as {identity})" if name != identity else ""))
    if names[1:]:
        print(f"formerly {', '.join(map(str, names[1:]))}")
    if person is not None:
        print(f"since {_time(person.first_s)}, last seen {_time(person.last_s)}")
        for camera, count in person.visits.items():
            print(f"{camera}: {count} {'visit' if count == 1 else 'visits'}")
        print(f"looks of {person.exemplars} visits, by {', '.join(person.models)}")
    for one in kept:
        print(f"prototype version {one.version}, {one.pictures} generated pictures, by {one.generator}")
    return 0


def export(identity: int, folder: Path, out: Path | None, state: Path | None, json: bool = False) -> int:
    """Write the pictures that are kept of somebody: the reference, and the generated ones, labelled as such.

    Raises:
        ConfigError: there is no state, or there are no pictures of that person.
        StartError: it cannot be read.
        RunError: a picture cannot be written.
    """
    with _open(out, state) as (store, prototypes, file):
        name = store.heir_of(identity)
        written = prototypes.export(name, folder) if prototypes else []
    if not written:
        raise ConfigError(f"no pictures are kept of identity {identity}", file=str(file))
    if json:
        print(jsonlib.dumps({"identity": name, "files": [str(path) for path in written]}))
        return 0
    for path in written:
        print(path)
    return 0


def erase(identity: int, out: Path | None, state: Path | None, json: bool = False) -> int:
    """Delete everything about a person: memory, prototypes, and what the outputs say.

    A run that goes on hears of it and forgets them too; its outputs are left alone then.

    Raises:
        ConfigError: there is no state.
        StartError: it cannot be opened.
        RunError: something cannot be deleted.
    """
    from edge.stages.sink import erase_outputs

    with _open(out, state) as (store, prototypes, file):
        name = store.heir_of(identity)
        names = store.names_of(name)
        remembered = store.erase(name)
        drawn = [one for one in names if prototypes.erase(one)] if prototypes else []
        running = store.is_in_use
    folder = out or file.parent
    outputs = [] if running else erase_outputs(folder, names)
    found = remembered or bool(drawn) or any(one.removed for one in outputs)
    if json:
        rows = [
            {"file": str(one.path), "removed": one.removed, "remains": one.remains or None} for one in outputs
        ]
        facts = {"identity": name, "names": names, "found": found, "running": running, "outputs": rows}
        print(jsonlib.dumps(facts))
        return 0
    called = f"identity {name}" + (f" (also {', '.join(map(str, names[1:]))})" if names[1:] else "")
    print(f"{called} is erased" if found else f"nothing was known of {called}; nothing will be from now on")
    for one in outputs:
        removed = f"{one.removed} taken out" if one.removed else ""
        print(f"{one.path}: {'; '.join(filter(None, (removed, one.remains)))}")
    if running:
        print(
            f"a run is writing to '{folder}': its events, tracks and report still tell of them; "
            "say this again when it has ended",
            file=sys.stderr,
        )
    return 0


@contextmanager
def _open(out: Path | None, state: Path | None) -> Iterator[tuple[StateStore, PrototypeStore | None, Path]]:
    """The state, the prototypes if there are any, and the state's file."""
    from edge.stores import PrototypeStore, StateStore, prototypes_beside

    file = state or (out or Path("out/run")) / "state.db"
    if not file.is_file():
        raise ConfigError("there is no such state; edge-run keeps one in its output folder", file=str(file))
    beside = prototypes_beside(file)
    with closing(StateStore(file, exclusive=False)) as store:
        if not beside.is_file():
            yield store, None, file
            return
        bounds = {"ttl_s": FOR_EVER_S, "bytes_max": EVERYTHING_BYTES}
        with closing(PrototypeStore(beside, mend=False, **bounds)) as prototypes:  # type: ignore[arg-type]
            yield store, prototypes, file


def _facts(person: KeptPerson) -> dict[str, object]:
    return {
        "identity": person.identity,
        "since": _time(person.first_s),
        "last_seen": _time(person.last_s),
        "visits": dict(person.visits),
        "looks": person.exemplars,
        "models": list(person.models),
    }


def _time(seconds: float) -> str:
    from edge.stages.sink.timestamp import iso_utc

    return iso_utc(int(seconds * 1e9))
