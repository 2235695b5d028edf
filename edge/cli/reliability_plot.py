"""The reliability curve of a replay, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.evaluate.replay import ReplayScore

__all__ = ["write_plot"]

SIDE_PX = 360.0
LEFT_PX, TOP_PX = 60.0, 30.0


def write_plot(path: Path, score: ReplayScore) -> None:
    """Draw how often what was said with some probability came true; the diagonal is perfect.

    Args:
        path: the SVG file; folders are made.
        score: of the replay.

    Raises:
        ConfigError: it cannot be written.
    """
    shapes = [
        f'<path d="M{_x(0):.1f} {_y(0):.1f}L{_x(1):.1f} {_y(1):.1f}" stroke="#888" stroke-dasharray="4"/>'
    ]
    for step in range(6):
        share = step / 5
        shapes.append(f'<path d="M{_x(0):.1f} {_y(share):.1f}H{_x(1):.1f}" stroke="#8883"/>')
        shapes.append(f'<text x="{_x(0) - 8:.1f}" y="{_y(share) + 4:.1f}" text-anchor="end">{share:g}</text>')
        shapes.append(f'<text x="{_x(share):.1f}" y="{_y(0) + 18:.1f}" text-anchor="middle">{share:g}</text>')
    line = " ".join(f"{_x(said):.1f},{_y(was):.1f}" for said, was, _ in score.reliability)
    shapes.append(f'<polyline points="{line}" fill="none" stroke="#1d4ed8" stroke-width="2"/>')
    most = max((count for *_, count in score.reliability), default=1)
    for said, was, count in score.reliability:
        shapes.append(
            f'<circle cx="{_x(said):.1f}" cy="{_y(was):.1f}" r="{2 + 5 * (count / most) ** 0.5:.1f}"'
            f' fill="#1d4ed8">'
            f"<title>{count} decisions: said {said:.3f}, came true {was:.3f}</title></circle>"
        )
    title = f"expected calibration error {score.ece:.3f}"
    shapes.append(f'<text x="{_x(0.5):.1f}" y="18" text-anchor="middle" font-size="13">{title}</text>')
    shapes.append(
        f'<text x="{_x(0.5):.1f}" y="{_y(0) + 38:.1f}" text-anchor="middle">probability said</text>'
    )
    shapes.append(
        f'<text transform="translate(18 {_y(0.5):.1f}) rotate(-90)" text-anchor="middle">'
        "share that came true</text>"
    )
    width, height = LEFT_PX + SIDE_PX + 20, TOP_PX + SIDE_PX + 50
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
            ' font-family="sans-serif" font-size="12" fill="#555">'
            f'<rect width="100%" height="100%" fill="#fff"/>{"".join(shapes)}</svg>\n',
            encoding="utf-8",
        )
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=str(path), key="--plot") from None


def _x(share: float) -> float:
    return LEFT_PX + SIDE_PX * share


def _y(share: float) -> float:
    return TOP_PX + SIDE_PX * (1.0 - share)
