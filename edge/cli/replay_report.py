"""How ``edge eval replay`` shows its result."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from edge.cli.retrieval_report import SKIPS_SHOWN, print_skips

if TYPE_CHECKING:
    from rich.table import Table

    from edge.evaluate.market import Skip
    from edge.evaluate.replay import Ingredients, ReplayScore

__all__ = ["Report", "print_json", "print_report"]

Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """What was replayed, and how well it went.

    score: the result.
    ablation: the result without each ingredient, by its name; empty unless asked for.
    titles: what a row of the ablation is called, by the ingredient's name.
    uses, window_s: what was used, and how long decisions could be revised.
    model: fingerprint of the network, or the file of features.
    junk: pictures of nobody, which are never sent.
    skips: what was left out.
    """

    score: ReplayScore
    ablation: Mapping[str, ReplayScore]
    titles: Mapping[str, str]
    uses: Ingredients
    window_s: float
    model: str
    junk: int
    skips: Sequence[Skip]


def print_json(report: Report) -> None:
    """Print one JSON object, in ASCII, since names of files need not be text."""
    uses = report.uses
    content = {
        **asdict(report.score),
        "junk": report.junk,
        "skipped": len(report.skips),
        "skips": [{"file": str(skip.path), "reason": skip.reason} for skip in report.skips[:SKIPS_SHOWN]],
        "model": report.model,
        "window_s": report.window_s,
        "nfc": uses.nfc,
        "camera_mean": uses.camera_mean,
        "whiten": uses.whiten,
        "calibration": uses.calibration,
    }
    if report.ablation:
        content["ablation"] = {f"no_{name}": asdict(score) for name, score in report.ablation.items()}
    print(jsonlib.dumps(content))


def print_report(report: Report) -> None:
    """Print a table, or that of the ablation, and on stderr what was left out."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(_title(report)), title_justify="left", box=None, pad_edge=False, collapse_padding=True
    )
    if report.ablation:
        _fill_ablation(table, report)
    else:
        table.add_column("score", no_wrap=True)
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("meaning", overflow="fold")
        for row in _rows(report.score):
            table.add_row(*row)
    Console().print(table)
    print_skips(report.skips)


def _title(report: Report) -> str:
    off = [
        report.titles[name]
        for name in ("nfc", "camera_mean", "whiten", "calibration", "prototypes")
        if not getattr(report.uses, name)
    ]
    return ", ".join([report.model, f"revised for {report.window_s:g} s", *off])


def _rows(score: ReplayScore) -> list[Row]:
    return [
        ("IDF1", f"{score.idf1:.3f}", "crops under the right identity, over all cameras"),
        ("first IDF1", f"{score.first_idf1:.3f}", "of each tracklet's first decision, merges followed"),
        ("", f"{score.first_idf1_unmerged:.3f}", "of the numbers as first said"),
        ("pair F1", f"{score.pair_f1:.3f}", "over pairs of crops of different tracklets"),
        ("precision", f"{score.pair_precision:.3f}", "pairs under one identity that are one person"),
        ("recall", f"{score.pair_recall:.3f}", "pairs of one person that are under one identity"),
        ("identities", str(score.identities), f"given to {score.people} people"),
        ("revisions", str(score.revisions), f"changes of mind about {score.tracklets} tracklets"),
        ("ECE", f"{score.ece:.3f}", "how far probabilities said lie from how often they came true"),
        ("p50 ms", f"{score.p50_ms:.2f}", f"per tracklet; {score.crops} crops"),
        ("p95 ms", f"{score.p95_ms:.2f}", "per tracklet"),
    ]


def _fill_ablation(table: Table, report: Report) -> None:
    table.add_column("recipe", no_wrap=True)
    for title in ("IDF1", "first", "F1", "prec.", "recall", "ids", "rev.", "p50", "p95 ms"):
        table.add_column(title, justify="right", no_wrap=True)
    rows = {"everything": report.score}
    rows |= {report.titles[name]: score for name, score in report.ablation.items()}
    for title, score in rows.items():
        shares = (score.idf1, score.first_idf1, score.pair_f1, score.pair_precision, score.pair_recall)
        table.add_row(
            title,
            *(f"{share:.3f}" for share in shares),
            str(score.identities),
            str(score.revisions),
            f"{score.p50_ms:.2f}",
            f"{score.p95_ms:.2f}",
        )
