"""How ``edge eval retrieval`` shows its result."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.evaluate.market import Skip
    from edge.evaluate.recipe import Recipe
    from edge.evaluate.retrieval import RetrievalScore

__all__ = ["Report", "print_json", "print_report", "print_skips"]

SKIPS_SHOWN = 20

Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """What was scored, and how well it did.

    score, id2: the result.
    counts: what was compared: people, cameras, gallery, distractors, junk, generated, skipped.
    skips: what was left out.
    model: fingerprint of the network, or the file of features.
    recipe, rerank, ipg: what was done to the features and distances.
    """

    score: RetrievalScore
    id2: float
    counts: Mapping[str, int]
    skips: Sequence[Skip]
    model: str
    recipe: Recipe
    rerank: bool
    ipg: Path | None


def print_json(report: Report) -> None:
    """Print one JSON object, in ASCII, since names of files need not be text."""
    score, recipe = report.score, report.recipe
    content = {
        "map": score.map,
        "rank1": score.rank1,
        "rank5": score.rank5,
        "rank10": score.rank10,
        "id2": report.id2,
        "queries": score.queries,
        "queries_unmatched": score.unmatched,
        **report.counts,
        "skips": [{"file": str(skip.path), "reason": skip.reason} for skip in report.skips[:SKIPS_SHOWN]],
        "model": report.model,
        "nfc": recipe.nfc,
        "scope": None if recipe.nfc is None else recipe.scope,
        "cross_camera": recipe.cross_camera,
        "camera_mean": recipe.camera_mean,
        "rerank": report.rerank,
        "ipg": None if report.ipg is None else str(report.ipg),
        "eta": None if report.ipg is None else recipe.eta,
    }
    print(jsonlib.dumps(content))


def print_report(report: Report) -> None:
    """Print a table, and on stderr what was left out."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(_title(report)), title_justify="left", box=None, pad_edge=False)
    table.add_column("score", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("meaning", overflow="fold")
    for row in _rows(report):
        table.add_row(*row)
    Console().print(table)
    print_skips(report.skips)


def _title(report: Report) -> str:
    """What was scored, in a line."""
    recipe = report.recipe
    parts = [report.model]
    if report.ipg is not None:
        parts.append(f"IPG eta {recipe.eta:g}")
    if recipe.camera_mean:
        parts.append("camera means removed")
    if recipe.nfc is not None:
        others = ", other cameras only" if recipe.cross_camera else ""
        parts.append(f"NFC({recipe.nfc[0]},{recipe.nfc[1]}) {recipe.scope}{others}")
    if report.rerank:
        parts.append("k-reciprocal re-ranking")
    return ", ".join(parts)


def _rows(report: Report) -> list[Row]:
    score, counts = report.score, report.counts
    unmatched = f", {score.unmatched} more have no match in the gallery" if score.unmatched else ""
    rows = [
        ("mAP", f"{score.map:.4f}", "mean average precision"),
        ("rank-1", f"{score.rank1:.4f}", "queries whose first picture is right"),
        ("rank-5", f"{score.rank5:.4f}", "with a right one among the first 5"),
        ("rank-10", f"{score.rank10:.4f}", "among the first 10"),
        ("ID²", f"{report.id2:.4f}", "identity density: mean squared distance to the person's centre"),
        ("queries", str(score.queries), f"{counts['people']} people, {counts['cameras']} cameras{unmatched}"),
        (
            "gallery",
            str(counts["gallery"]),
            f"{counts['distractors']} distractors, {counts['junk']} junk ignored",
        ),
    ]
    if counts["generated"]:
        rows.append(("generated", str(counts["generated"]), "pictures added to their references"))
    return rows


def print_skips(skips: Sequence[Skip]) -> None:
    """List on stderr what was left out, the first 20."""
    if not skips:
        return
    print(f"skipped {len(skips)} files:", file=sys.stderr)
    for skip in skips[:SKIPS_SHOWN]:
        name = str(skip.path).encode("utf-8", "backslashreplace").decode()
        print(f"  {name}: {skip.reason}", file=sys.stderr)
    if len(skips) > SKIPS_SHOWN:
        print(f"  and {len(skips) - SKIPS_SHOWN} more", file=sys.stderr)
