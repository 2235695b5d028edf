"""The scores of a site as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cli.plain_table import print_table

if TYPE_CHECKING:
    from edge.evaluate.site_score import SiteScore
    from edge.evaluate.tracking import TrackingScore

__all__ = ["print_site_table"]

_HEAD = ("camera", "IDF1", "HOTA", "MOTA", "switches", "precision", "recall", "boxes", "people", "identities")


def print_site_table(score: SiteScore) -> None:
    """Print a line per camera, one for all of them, and one with identities in common."""
    rows = [_HEAD, *(_row(name, one) for name, one in score.cameras.items())]
    if len(score.cameras) > 1:
        rows.append(_row("each by itself", score.overall))
        rows.append(_row("across cameras", score.across))
    print_table(rows)


def _row(name: str, score: TrackingScore) -> tuple[str, ...]:
    shares = (score.idf1, score.hota, score.mota)
    return (
        name,
        *(f"{share:.3f}" for share in shares),
        str(score.id_switches),
        f"{score.precision:.3f}",
        f"{score.recall:.3f}",
        f"{score.result_boxes:,}",
        str(score.truth_ids),
        str(score.result_ids),
    )
