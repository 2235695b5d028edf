"""Feature centralization: pull an embedding towards the centre of its identity, without training.

Usable alone, with any ReID model: arrays or torch tensors in, the same kind out. Torch is not needed.
"""

from __future__ import annotations

from edge.centralize.calibration import MatchCalibration, expected_calibration_error, reliability
from edge.centralize.camera_mean import RunningCameraMean, remove_camera_mean
from edge.centralize.density import identity_density
from edge.centralize.generated import fuse_generated
from edge.centralize.nfc import NFC, neighbor_centralize
from edge.centralize.rerank import k_reciprocal_rerank
from edge.centralize.space import GENERATED, FeatureSpace, FrozenSpace
from edge.centralize.window import WindowCentralizer

__all__ = [
    "GENERATED",
    "FeatureSpace",
    "FrozenSpace",
    "MatchCalibration",
    "NFC",
    "RunningCameraMean",
    "WindowCentralizer",
    "expected_calibration_error",
    "fuse_generated",
    "identity_density",
    "k_reciprocal_rerank",
    "neighbor_centralize",
    "reliability",
    "remove_camera_mean",
]
