"""What a driver of the graph is, what it reports, and which of the two is opened."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from edge.errors import StartError
from edge.fronts.deepstream.codes import Version
from edge.fronts.deepstream.graph import Graph
from edge.fronts.deepstream.seen import SeenFrame

__all__ = ["Driver", "Notice", "NoticeKind", "Take", "open_driver", "require_version"]

NoticeKind = Literal["added", "removed", "ended", "given up", "trouble"]

Take = Callable[[Sequence[SeenFrame]], None]
"""Called for every batch from DeepStream's own thread; it never raises."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something DeepStream said about a source.

    kind: ``added``, ``removed``, ``ended`` (a file's end), ``given up`` (no more attempts), ``trouble``.
    source: its number; -1 where DeepStream does not say.
    name: its sensor id; empty where DeepStream does not say.
    text: its words.
    """

    kind: NoticeKind
    source: int = -1
    name: str = ""
    text: str = ""


class Driver(Protocol):
    """Runs the graph.

    **Life.** :meth:`run` once, in a thread of its own; it returns when all files have ended or :meth:`stop`
    was called from another thread. **Callbacks** come from DeepStream's threads.
    """

    def run(self, take: Take, notice: Callable[[Notice], None]) -> None:
        """Run until the end.

        Args:
            take: given every batch.
            notice: told of what happens to sources.

        Raises:
            StartError: an element is missing or does not start.
            RunError: DeepStream broke off.
        """
        ...

    def stop(self) -> None:
        """End :meth:`run` soon; from any thread, any number of times, also before it began."""
        ...


def _installed_version() -> Version | None:
    """Return the generation of DeepStream whose Python bindings are installed; the later one of two."""
    if importlib.util.find_spec("pyservicemaker") is not None:
        return "9.1"
    return "7.1" if importlib.util.find_spec("pyds") is not None else None


def require_version(wanted: Literal["auto", "7.1", "9.1"]) -> Version:
    """Return the generation to run.

    Raises:
        StartError: its bindings are not installed; says what to install for which version.
    """
    present = _installed_version()
    remedies = {
        "7.1": "DeepStream 7.1 (Ubuntu 22.04, Python 3.10, JetPack 6) and its pyds 1.2.0 wheel",
        "9.1": "DeepStream 9.1 or later (Ubuntu 24.04, Python 3.12, JetPack 7.2) and its pyservicemaker "
        "wheel from /opt/nvidia/deepstream/deepstream/service-maker/python",
    }
    if wanted == "auto" and present is not None:
        return present
    if wanted == "7.1" and importlib.util.find_spec("pyds") is not None:
        return "7.1"
    if wanted == "9.1" and present == "9.1":
        return "9.1"
    needs = " or ".join(remedies.values()) if wanted == "auto" else remedies[wanted]
    raise StartError(f"front 'deepstream' needs {needs}, which is not installed here; see docs/deploy.md")


def open_driver(graph: Graph, folder: Path) -> Driver:
    """Return the driver of a graph's version.

    Args:
        graph: the graph.
        folder: where its set of configuration files is.

    Raises:
        StartError: its bindings cannot be imported.
    """
    if graph.version == "7.1":
        from edge.fronts.deepstream.pyds_driver import PydsDriver

        return PydsDriver(graph, folder)
    from edge.fronts.deepstream.servicemaker_driver import ServiceMakerDriver

    return ServiceMakerDriver(graph, folder)
