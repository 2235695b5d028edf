"""Bodies of ``edge models list | pull | verify``."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from edge.errors import EdgeError

if TYPE_CHECKING:
    from pathlib import Path

    from edge.config.card import ModelCard
    from edge.config.weights import Progress

__all__ = ["list_models", "pull", "verify"]

FAILED = 3  # exit code of a file of weights that is missing, altered or cannot be had


def list_models(json: bool = False) -> int:
    """Print every shipped model: name, task, licence, size, and where its file is.

    Files are looked up and their size compared, not hashed; ``verify`` does that.

    Raises:
        ConfigError: a shipped card is wrong.
    """
    from edge.config.catalog import list_cards

    cards = list_cards()
    rows = [_row(card) for card in cards]
    folders = _folder_rows()
    if json:
        _print_json({"models": rows, "folders": folders})
        return 0

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = 240  # a pipe has no edge to wrap at
    table = Table(box=None, pad_edge=False)
    for title in ("model", "task", "licence", "MB"):
        table.add_column(title, justify="right" if title == "MB" else "left", no_wrap=title != "licence")
    table.add_column("file", overflow="fold")
    for card, row in zip(cards, rows, strict=True):
        megabytes = "?" if card.bytes is None else f"{card.bytes / 1e6:.1f}"
        licence = card.licence.partition(" (")[0]
        cells = (card.name, card.task, licence, megabytes, _where(row))
        table.add_row(*(Text(cell) for cell in cells))
    for folder in folders:
        licence = str(folder["licence"]).partition(" (")[0]
        where = folder["path"] or f"missing: {', '.join(folder['files'])}; docs/ipg.md"
        table.add_row(*(Text(str(cell)) for cell in (folder["name"], folder["task"], licence, "?", where)))
    console.print(table)
    if any(row["status"] != "found" for row in rows):
        console.print(
            Text("\n'edge models pull NAME' fetches a file, or says where it comes from and where to put it.")
        )
    return 0


def pull(names: list[str], json: bool = False) -> int:
    """Download the weights of these models; good copies already there are left alone.

    One that fails does not stop the others.

    Returns:
        0 when all are there now, 3 otherwise.

    Raises:
        ConfigError: one of the names is no model; nothing was downloaded then.
    """
    from edge.config.catalog import load_card
    from edge.config.weights import pull as pull_weights

    cards = [load_card(name) for name in dict.fromkeys(names)]
    with _progress(quiet=json) as progress_of:
        results = [_attempt(card, lambda card: pull_weights(card, progress_of(card))) for card in cards]
    return _finish(results, json)


def verify(names: list[str], json: bool = False, ckpt_dir: Path | None = None) -> int:
    """Check files of weights against size and SHA-256 of their cards, or a generator's folder name by name.

    Args:
        names: the models that must be there; none: every shipped model, and then a missing file
            is reported without being a failure.
        json: print one JSON object instead of lines.
        ckpt_dir: a folder of the pedestrian generator's weights, see :mod:`edge.nets.checkpoints`; no
            names then. Every file must be there, and hold what its network has.

    Returns:
        0 when all is well, 3 otherwise.

    Raises:
        ConfigError: one of the names is no model, or the folder is none.
        MissingExtraError: the folder cannot be checked without torch.
    """
    if ckpt_dir is not None:
        return _finish(_verify_folder(names, ckpt_dir), json)
    from edge.config.catalog import list_cards, load_card
    from edge.config.weights import locate_weights
    from edge.config.weights import verify as verify_weights

    cards = [load_card(name) for name in dict.fromkeys(names)] if names else list_cards()
    results: list[dict[str, object]] = []
    for card in cards:
        if not names and not locate_weights(card):
            results.append(
                {"name": card.name, "status": "missing", "path": None, "message": f"'{card.file}' not found"}
            )
        else:
            results.append(_attempt(card, verify_weights))
    return _finish(results, json)


def _verify_folder(names: list[str], folder: Path) -> list[dict[str, object]]:
    """A result for each network of a generator's folder."""
    from edge.errors import ConfigError, MissingExtraError

    if names:
        raise ConfigError("checks a folder of its own, without the names of models", key="--ckpt-dir")
    try:
        from edge.nets.checkpoints import verify_folder
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"--ckpt-dir needs the package '{error.name}'; pip install 'edge-reid[ipg]'"
        ) from None
    return [
        {
            "name": report.name,
            "status": "ok" if report.status == "ok" else "failed",
            "path": None if report.path is None else str(report.path),
            "message": report.message,
        }
        for report in verify_folder(folder)
    ]


def _attempt(card: ModelCard, action: Callable[[ModelCard], object]) -> dict[str, object]:
    """Run one model's action; its error becomes a result, so that the other models go on."""
    try:
        path = action(card)
    except EdgeError as error:
        return {"name": card.name, "status": "failed", "path": None, "message": str(error)}
    return {"name": card.name, "status": "ok", "path": str(path), "message": ""}


def _finish(results: list[dict[str, object]], json: bool) -> int:
    """Print the results (failures to stderr) and choose the exit code."""
    if json:
        _print_json({"models": results})
    else:
        for result in results:
            if result["status"] == "failed":
                print(result["message"], file=sys.stderr)
            else:
                print(f"{result['name']}: {result['status']}: {result['path'] or result['message']}")
    return FAILED if any(result["status"] == "failed" for result in results) else 0


def _row(card: ModelCard) -> dict[str, object]:
    """What ``list`` knows about one model; ``status`` is found, missing or wrong-size."""
    from edge.config.secrets import redact
    from edge.config.weights import locate_weights

    status, path = "missing", None
    for place in locate_weights(card):
        right = card.bytes is None or place.stat().st_size == card.bytes
        if right or path is None:
            status, path = ("found" if right else "wrong-size"), str(place)
        if right:
            break
    return {
        "name": card.name,
        "task": card.task,
        "licence": card.licence,
        "bytes": card.bytes,
        "sha256": card.sha256,
        "origin": card.origin,
        "url": None if card.url is None else redact(card.url),
        "file": card.file,
        "status": status,
        "path": path,
    }


def _folder_rows() -> list[dict[str, Any]]:
    """What ``list`` knows about networks that are a folder of files."""
    from edge.config.folder_card import find_folder, list_folder_cards

    rows: list[dict[str, Any]] = []
    for card in list_folder_cards():
        place = find_folder(card)
        rows.append(
            {
                "name": card.name,
                "task": card.task,
                "licence": card.licence,
                "origin": card.origin,
                "files": list(card.files.values()),
                "status": "missing" if place is None else "found",
                "path": None if place is None else str(place),
            }
        )
    return rows


def _where(row: dict[str, object]) -> str:
    if row["status"] == "missing":
        return f"missing: {row['file']}"
    if row["status"] == "wrong-size":
        return f"wrong size: {row['path']}"
    return str(row["path"])


def _print_json(content: object) -> None:
    print(jsonlib.dumps(content, indent=2, ensure_ascii=False))


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[ModelCard], Progress | None]]:
    """A progress bar on stderr while something is downloaded; gives each card its callback."""
    if quiet or not sys.stderr.isatty():
        yield lambda card: None
        return

    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as ProgressBars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with ProgressBars(*columns, console=Console(stderr=True), transient=True) as bars:

        def progress_of(card: ModelCard) -> Progress | None:
            task = bars.add_task(card.name, total=card.bytes, visible=False)

            def show(done_bytes: int, total_bytes: int) -> None:
                bars.update(task, completed=done_bytes, total=total_bytes, visible=True, refresh=True)

            return show

        yield progress_of
