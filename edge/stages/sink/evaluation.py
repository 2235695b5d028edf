"""The section of report.html that compares a run with its truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge.stages.sink.page import table, tile

__all__ = ["INGREDIENTS", "evaluation_section"]

_SCORES = ("idf1", "hota", "mota", "id_switches", "precision", "recall")
_HEADS = ("IDF1", "HOTA", "MOTA", "switches", "precision", "recall")
_ACROSS = ("cross_camera_idf1", "cross_camera_hota")
INGREDIENTS = {
    "nfc": "without NFC",
    "camera_mean": "without camera means",
    "gates": "without gates",
    "prototypes": "without generated views",
}
"""What a run is called that left out an ingredient, by its name in the evaluation."""


def evaluation_section(scores: Mapping[str, object] | None) -> list[str]:
    """Return the section's HTML, nothing where there is no truth.

    Args:
        scores: the tracking object of summary.json.
    """
    if not scores:
        return []
    parts = ["<h2>Against the truth</h2>", *_tiles(scores)]
    cameras = scores.get("cameras")
    rows: list[Sequence[str]] = []
    if isinstance(cameras, Mapping):
        rows += [_row(str(name), one) for name, one in cameras.items() if isinstance(one, Mapping)]
    rows.append(_row("each by itself" if len(rows) > 1 else "all", scores))
    parts.append(table(["camera", *_HEADS], rows))
    without = scores.get("without")
    if isinstance(without, Mapping) and without:
        parts += _contributions(scores, without)
    return parts


def _tiles(scores: Mapping[str, object]) -> list[str]:
    if _ACROSS[0] not in scores:
        return []
    tiles = [
        tile(_text(scores.get("cross_camera_idf1")), "IDF1 across cameras"),
        tile(_text(scores.get("cross_camera_hota")), "HOTA across cameras"),
        tile(f"{_text(scores.get('result_ids'))} of {_text(scores.get('truth_ids'))}", "identities, people"),
    ]
    return ['<div class="tiles" style="margin: 0 0 12px">', *tiles, "</div>"]


def _contributions(scores: Mapping[str, object], without: Mapping[object, object]) -> list[str]:
    """What the run would have scored with one ingredient left out."""
    keys = [key for key in (*_ACROSS, "idf1", "hota") if key in scores]
    heads = {
        "cross_camera_idf1": "IDF1 across",
        "cross_camera_hota": "HOTA across",
        "idf1": "IDF1",
        "hota": "HOTA",
    }
    rows = [["as it was run", *(_text(scores[key]) for key in keys), _text(scores.get("result_ids"))]]
    for name, less in without.items():
        if isinstance(less, Mapping):
            title = INGREDIENTS.get(str(name), f"without {name}")
            rows.append([title, *(_text(less.get(key)) for key in keys), _text(less.get("result_ids"))])
    return [table(["the same tracklets", *(heads[key] for key in keys), "identities"], rows)]


def _row(name: str, scores: Mapping[str, object]) -> list[str]:
    return [name, *(_text(scores.get(key)) for key in _SCORES)]


def _text(value: object) -> str:
    """A share with three decimals, a count as it is."""
    if isinstance(value, float):
        return f"{value:.3f}"
    return "–" if value is None else str(value)
