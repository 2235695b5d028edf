"""What is known of a site beside its pictures: its truth, where it lies, and how long its ways take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.config.calibration import Calibration
    from edge.config.cameras import CamerasFile
    from edge.config.topology import Travel
    from edge.evaluate.truth_folder import SiteTruth

__all__ = ["places_and_times", "read_truth"]


def places_and_times(
    cameras: CamerasFile,
) -> tuple[Mapping[str, Calibration], Mapping[tuple[str, str], Travel]]:
    """What is known of a site beside its pictures.

    Returns:
        Calibrations by camera, and travel times by (camera left, camera reached); empty where unknown.

    Raises:
        ConfigError: a file is missing or wrong, or a travel time names a camera that is not there.
    """
    from edge.config.calibration import load_calibration
    from edge.config.topology import load_topology

    grounds = {
        camera.name: load_calibration(camera.calibration)
        for camera in cameras.cameras
        if camera.calibration is not None
    }
    if cameras.site.topology is None:
        return grounds, {}
    names = {camera.name for camera in cameras.cameras}
    pairs = load_topology(cameras.site.topology, names).pairs
    return grounds, {(pair.origin, pair.to): pair for pair in pairs}


def read_truth(folder: Path, names: Sequence[str]) -> SiteTruth:
    """Read the truth now, so that a mistake in it, or a missing package, is not found after the run."""
    from edge.evaluate.site_score import require_common_camera
    from edge.evaluate.tracking import require_metrics
    from edge.evaluate.truth_folder import read_truth_folder

    require_metrics()
    truth = read_truth_folder(folder)
    require_common_camera(truth.boxes, names, folder)
    return truth
