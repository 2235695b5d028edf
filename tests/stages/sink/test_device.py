from __future__ import annotations

from edge.stages.sink.device import DeviceRow, device_json


def test_the_summary_names_decoders_and_only_cameras_that_were_refused() -> None:
    row = DeviceRow(
        "cuda (a GPU)",
        {"door": "nvdec", "yard": "cpu"},
        {"door": 0, "yard": 1},
        uploads=3,
        downloads=2,
        downloaded_bytes=1_234_567,
        evictions=1,
        peak_bytes=2_000_000,
    )
    assert device_json(row) == {
        "name": "cuda (a GPU)",
        "decoders": {"door": "nvdec", "yard": "cpu"},
        "refusals": {"yard": 1},
        "uploads": 3,
        "downloads": 2,
        "downloaded_mb": 1.235,
        "evictions": 1,
        "peak_mb": 2.0,
    }
