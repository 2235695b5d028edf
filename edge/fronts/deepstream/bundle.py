"""A complete set of DeepStream files: made from the graph, checked, and written over nobody else's files.

What was written is noted in ``edge-deepstream.json`` with its sha256; a file that is not in it, or was
changed since, is somebody else's and stays.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from edge.errors import ConfigError, OutputError
from edge.fronts.deepstream import app
from edge.fronts.deepstream.check import check_text
from edge.fronts.deepstream.codes import VERSIONS, Version
from edge.fronts.deepstream.graph import Graph
from edge.fronts.deepstream.ini import write_ini
from edge.fronts.deepstream.nvinfer import PARSER_LIBRARY, detector_sections, reid_sections
from edge.fronts.deepstream.nvtracker import tracker_sections, write_tracker
from edge.fronts.deepstream.parser import parser_files
from edge.fronts.deepstream.runner import readme, run_script

__all__ = ["APP_FILE", "MANIFEST", "Bundle", "bundle_of", "version_of", "write_bundle"]

APP_FILE = "deepstream_app.txt"
MANIFEST = "edge-deepstream.json"
_EXECUTABLE = 0o755
_READABLE = 0o644


@dataclass(frozen=True, slots=True)
class Bundle:
    """A set before it is written.

    texts: content by name.
    models: ONNX files by name, to be copied.
    version, target: what it is for.
    """

    texts: Mapping[str, str]
    models: Mapping[str, Path]
    version: Version
    target: str


def bundle_of(graph: Graph, *, library: str = PARSER_LIBRARY, models: str = "models") -> Bundle:
    """Make the set of a graph, and check it as ``edge deepstream check`` would.

    Args:
        graph: the graph.
        library: the box parser; the set's own unless it was compiled elsewhere.
        models: folder of the networks as the tracker finds it, see :func:`tracker_sections`.

    Raises:
        ConfigError: a value is outside of what DeepStream takes; names file, line and key.
    """
    made_for = f"for DeepStream {graph.version} on {graph.target}, by edge-reid"
    texts = {
        APP_FILE: write_ini(app.app_sections(graph), (f"deepstream-app, {made_for}; start it by run.sh",)),
        app.DETECTOR_FILE: write_ini(detector_sections(graph, library), (f"the detector, {made_for}",)),
        app.TRACKER_FILE: write_tracker(tracker_sections(graph, models), f"the tracker, {made_for}"),
        app.CONVERTER_FILE: write_ini(app.converter_sections(graph), (f"sensors, {made_for}",)),
        "labels.txt": "person\n",
    }
    if graph.reid is not None:
        texts[app.REID_FILE] = write_ini(reid_sections(graph, graph.reid), (f"ReID, {made_for}",))
    regions = app.analytics_sections(graph)
    if regions:
        texts[app.ANALYTICS_FILE] = write_ini(regions, (f"regions of interest, {made_for}",))
    if graph.broker is not None:
        texts[app.BROKER_FILE] = write_ini(app.broker_sections(graph.broker), (f"broker, {made_for}",))
    problems = [
        problem
        for name, text in texts.items()
        for problem in check_text(text, graph.version, file=Path(name), missing=False)
    ]
    if problems:
        problems[0].__dict__["more"] = tuple(problems[1:])
        raise problems[0]
    if library == PARSER_LIBRARY:
        files = parser_files(graph.detector.card, graph.score_min)
        texts |= {f"parser/{name}": text for name, text in files.items()}
    texts["run.sh"] = run_script(graph, own_parser=library == PARSER_LIBRARY)
    texts["README.md"] = readme(graph)
    networks = {f"models/{network.card.file}": network.weights for network in graph.networks}
    return Bundle(texts, networks, graph.version, graph.target)


def write_bundle(bundle: Bundle, folder: Path) -> list[str]:
    """Write a set into a folder, beside whatever else is there.

    Returns:
        The names of the files written, without those that were there already and equal.

    Raises:
        OutputError: a file of the same name is not ours, or cannot be written; nothing was changed then
            unless the disk failed.
    """
    ours = _read_manifest(folder)
    try:
        new = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in bundle.texts.items()}
        new |= {name: _digest(path) for name, path in bundle.models.items()}
        present = {name: _digest(folder / name) for name in new if (folder / name).exists()}
        for name, digest in present.items():
            if digest not in (new[name], ours.get(name)):
                raise OutputError(
                    f"{folder / name} was not written by this command, or was changed since; move it away or "
                    "give another --out"
                )
        written = [name for name in new if present.get(name) != new[name]]
        for name in written:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if name in bundle.models:
                shutil.copyfile(bundle.models[name], target)
            else:
                target.write_text(bundle.texts[name], encoding="utf-8")
            target.chmod(_EXECUTABLE if name.endswith(".sh") else _READABLE)
        manifest = {"format": 1, "version": bundle.version, "target": bundle.target, "files": ours | new}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the set into {folder}: {error.strerror or error}") from None
    return written


def version_of(folder: Path) -> Version | None:
    """Return the DeepStream a set was made for; None where that is not noted."""
    try:
        version = json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("version")
    except (OSError, ValueError, AttributeError):
        return None
    return cast("Version", version) if version in VERSIONS else None


def _read_manifest(folder: Path) -> dict[str, str]:
    """Name and sha256 of the files of an earlier set; empty when there is none."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in content["files"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            "is damaged; remove it, and the files of the set with it", file=str(folder / MANIFEST)
        ) from None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
