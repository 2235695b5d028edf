"""What summary.json says of the device that pictures lay on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["DeviceRow", "device_json"]


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """Where pictures lay and who decoded them.

    name: the device, for people; ``host``: pictures lay in the host's memory.
    decoders: camera to who decodes it, ``nvdec`` or ``cpu``.
    refusals: camera to how often NVDEC refused its stream.
    uploads, downloads: pictures copied to the device, and to the host.
    downloaded_bytes: of the latter together.
    evictions: cut-out people that went to the host because there were too many.
    peak_bytes: most device memory used; 0 where that is not known.
    """

    name: str
    decoders: Mapping[str, str] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)
    uploads: int = 0
    downloads: int = 0
    downloaded_bytes: int = 0
    evictions: int = 0
    peak_bytes: int = 0


def device_json(row: DeviceRow) -> dict[str, object]:
    """It as summary.json has it."""
    return {
        "name": row.name,
        "decoders": dict(row.decoders),
        "refusals": {camera: count for camera, count in row.refusals.items() if count},
        "uploads": row.uploads,
        "downloads": row.downloads,
        "downloaded_mb": round(row.downloaded_bytes / 1e6, 3),
        "evictions": row.evictions,
        "peak_mb": round(row.peak_bytes / 1e6, 3),
    }
