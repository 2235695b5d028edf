"""What an output folder was drawn with, so that no run mixes pictures of two kinds there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from edge.errors import ConfigError, OutputError
from edge.ipg.options import Options
from edge.ipg.pictures import write_whole
from edge.ipg.poses import PosePicture
from edge.ipg.references import Source

__all__ = ["RECORD", "claim_folder", "fingerprint"]

RECORD = "generate.json"
SCHEMA = "edge-reid/generate/1"
# These change how long it takes, not what is drawn.
_ONLY_SPEED = frozenset({"channels_last", "compile", "decode_rows", "dtype", "memory_bytes"})


def fingerprint(folder: Path) -> dict[str, int]:
    """Names and sizes in bytes of a folder's files of weights and of sizes."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    wanted = {".pth", ".bin", ".safetensors", ".json"}
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size for path in files if path.suffix in wanted
    }


def claim_folder(
    out_dir: Path,
    options: Options,
    poses: Sequence[PosePicture],
    weights: dict[str, int],
    sources: Sequence[Source],
) -> None:
    """Make the output folder, or go on in one that an earlier run with the same settings wrote.

    Raises:
        ConfigError: it was drawn with other settings, which the message names.
        OutputError: it cannot be made, or holds files of others under the names of ours.
        RunError: the record cannot be written.
    """
    told: dict[str, object] = {
        "schema": SCHEMA,
        "options": {key: value for key, value in asdict(options).items() if key not in _ONLY_SPEED},
        "poses": {pose.name: hashlib.sha256(pose.image_rgb.tobytes()).hexdigest() for pose in poses},
        "weights": weights,
    }
    file = out_dir / RECORD
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        text = file.read_text(encoding="utf-8") if file.exists() else ""
    except OSError as error:
        raise OutputError(
            f"output folder '{out_dir}' cannot be used: {error.strerror or error}; give another --out_dir"
        ) from None
    if text:
        _require_same(text, told, file)
        return
    foreign = next((source.canvas for source in sources if source.canvas.exists()), None)
    if foreign is not None:
        raise OutputError(f"'{foreign}' is in the way, not written by edge generate; give another --out_dir")
    write_whole(file, (json.dumps(told, indent=1) + "\n").encode())


def _require_same(text: str, told: dict[str, object], file: Path) -> None:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise ConfigError("is no record of edge generate; give another --out_dir", file=str(file))
    for part in ("options", "poses", "weights"):
        before, now = found.get(part, {}), told[part]
        if before != now:
            changed = _first_change(before, now)
            raise ConfigError(
                f"the pictures there were drawn with other {part} ({changed}); give another --out_dir",
                file=str(file),
            )


def _first_change(before: object, now: object) -> str:
    if not isinstance(before, dict) or not isinstance(now, dict):
        return "unreadable"
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return f"{keys[0]}: {_short(before.get(keys[0]))}, now {_short(now.get(keys[0]))}"


def _short(value: object) -> str:
    return "none" if value is None else str(value)[:40]
