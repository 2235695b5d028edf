"""``site.json``: what a folder holds, and which renderer made it.

A folder is up to date when the same preset, seed and duration would be rendered by the same code. Its file is
written last, so a folder without one is not complete.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from edge.site.presets import build_site

__all__ = ["FORMAT", "MANIFEST", "Manifest", "is_current", "renderer_hash", "why_stale", "write_manifest"]

FORMAT = 1
MANIFEST = "site.json"
# Modules that draw pictures to train on; no film is made with them, so they do not make a site stale.
FOR_TRAINING = (
    "picture_store",
    "portraits",
    "samples",
    "scenery",
    "site_views",
    "training_batches",
    "variation",
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``site.json`` says.

    preset, seed, duration_s: what was rendered.
    rate_hz, frames: of every video.
    cameras: their names, in the order of their numbers in ``crops/``.
    people: how many; the global ids are 1 to that.
    pixels: whether there are videos and crops.
    starts_at: wall time of the first frame of all videos.
    format: of the folder.
    renderer: hash of the code that drew it.
    """

    preset: str
    seed: int
    duration_s: float
    rate_hz: float
    frames: int
    cameras: tuple[str, ...]
    people: int
    pixels: bool
    starts_at: str
    format: int = FORMAT
    renderer: str = ""


@lru_cache(maxsize=1)
def renderer_hash() -> str:
    """Sixteen hexadecimal digits that change with any line of the renderer's code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem in FOR_TRAINING:
            continue
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``site.json``."""
    text = json.dumps(asdict(manifest), indent=1)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def is_current(folder: Path, preset: str, seed: int = 0, duration_s: float | None = None) -> bool:
    """Whether a folder holds exactly this site, drawn by this code, with its videos if the preset has any.

    Raises:
        ConfigError: no such preset.
    """
    return not why_stale(folder, preset, seed, duration_s)


def why_stale(folder: Path, preset: str, seed: int = 0, duration_s: float | None = None) -> str:
    """Why a folder has to be rendered anew, as half a sentence; empty when it need not.

    Raises:
        ConfigError: no such preset.
    """
    site = build_site(preset, seed=seed, duration_s=duration_s)
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "holds no site"
    except (OSError, ValueError):
        return f"has a {MANIFEST} that cannot be read"
    if not isinstance(found, dict):
        return f"has a {MANIFEST} that cannot be read"
    if found.get("format") != FORMAT or found.get("renderer") != renderer_hash():
        return "was made by another version"
    wanted = {"preset": preset, "seed": seed, "duration_s": site.duration_s}
    for key, value in wanted.items():
        if found.get(key) != value:
            return f"has {key} {found.get(key)} instead of {value}"
    if site.pixels and not found.get("pixels"):
        return "has no videos"
    missing = [one.name for one in site.cameras if found["pixels"] and not _video(folder, one.name).is_file()]
    return f"lacks the video of camera '{missing[0]}'" if missing else ""


def _video(folder: Path, camera: str) -> Path:
    return folder / "video" / f"{camera}.mp4"
