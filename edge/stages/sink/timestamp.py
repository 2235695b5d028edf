"""Wall time as text."""

from __future__ import annotations

import time

__all__ = ["clock_utc", "iso_utc"]


def iso_utc(time_ns: int) -> str:
    """Return nanoseconds since 1970 as ISO 8601 in UTC with milliseconds, ``2024-05-01T12:30:05.125Z``."""
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest_ns // 1_000_000:03d}Z"


def clock_utc(time_ns: int) -> str:
    """Return the time of day in UTC, ``12:30:05``."""
    return time.strftime("%H:%M:%S", time.gmtime(time_ns // 1_000_000_000))
