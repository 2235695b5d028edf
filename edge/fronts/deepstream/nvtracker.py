"""Configuration of nvtracker's library: NvDCF or NvDeepSORT, with the ReID network inside where it is wanted.

The library ignores keys it does not know without a word, so the file is checked against its known keys
(:mod:`edge.fronts.deepstream.check`). Thresholds come from pipeline.yaml; those that have no counterpart
there are round numbers that were not tuned on anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from edge.fronts.deepstream.codes import NVTRACKER_COLOUR, NVTRACKER_PRECISION, VISUAL_TRACKER
from edge.fronts.deepstream.graph import Graph, Inference, Tracker
from edge.fronts.deepstream.ini import text_of

__all__ = ["tracker_sections", "write_tracker"]

Value = int | float | str | tuple[float, ...]

_TARGETS_MAX = {"dgpu": 150, "jetson": 60}
_WORKSPACE_MB = {"dgpu": 1000, "jetson": 500}
_FEATURES_KEPT = 50


def tracker_sections(graph: Graph, models: str = "models") -> Mapping[str, Mapping[str, Value]]:
    """Return the sections of the low-level tracker's file.

    Args:
        graph: the graph.
        models: folder of the networks. The library of 7.1 looks from the process's working directory, not
            from the file's own folder, so who does not start there gives an absolute path.
    """
    tracker = graph.tracker
    sections: dict[str, Mapping[str, Value]] = {
        "BaseConfig": {"minDetectorConfidence": tracker.score_min},
        "TargetManagement": {
            "enableBboxUnClipping": 0,
            "preserveStreamUpdateOrder": 1,
            "maxTargetsPerStream": _TARGETS_MAX[graph.target],
            "minIouDiff4NewTarget": 0.7,
            "minTrackerConfidence": 0.2,
            "probationAge": tracker.confirm_frames,
            "maxShadowTrackingAge": tracker.lost_frames,
            "earlyTerminationAge": 1,
        },
        "TrajectoryManagement": _trajectories(tracker),
    }
    if tracker.name == "nvdcf":
        sections |= _nvdcf(graph)
    else:
        sections |= _nvdeepsort(tracker)
    if tracker.reid is not None:
        sections["ReID"] = _reid(graph, tracker.reid, models)
    return sections


def write_tracker(sections: Mapping[str, Mapping[str, Value]], comment: str) -> str:
    """Return the file's text: YAML as OpenCV's reader takes it, with its ``%YAML:1.0`` line."""
    lines = ["%YAML:1.0", f"# {comment}"]
    for name, values in sections.items():
        lines += ["", f"{name}:"]
        lines += [f"  {key}: {_yaml(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _trajectories(tracker: Tracker) -> Mapping[str, Value]:
    """Who returns is for identify to say; NvDCF runs the ReID network only where it may re-associate, too."""
    if tracker.reid is None or tracker.name != "nvdcf":
        return {"useUniqueID": 0, "enableReAssoc": 0}
    return {
        "useUniqueID": 0,
        "enableReAssoc": 1,
        "reidExtractionInterval": tracker.refresh_frames,
        "minMatchingScore4Overall": 0.6,
        "minTrackletMatchingScore": 0.4,
        "minMatchingScore4ReidSimilarity": 0.6,
        "matchingScoreWeight4TrackletSimilarity": 0.5,
        "matchingScoreWeight4ReidSimilarity": 0.5,
        "minTrajectoryLength4Projection": 20,
        "prepLength4TrajectoryProjection": 10,
        "trajectoryProjectionLength": tracker.lost_frames,
        "maxAngle4TrackletMatching": 60,
        "minSpeedSimilarity4TrackletMatching": 0.2,
        "minBboxSizeSimilarity4TrackletMatching": 0.6,
        "maxTrackletMatchingTimeSearchRange": tracker.lost_frames,
        "trajectoryProjectionProcessNoiseScale": 0.01,
        "trajectoryProjectionMeasurementNoiseScale": 100,
        "trackletSpacialSearchRegionScale": 0.1,
    }


def _association(tracker: Tracker) -> Mapping[str, Value]:
    return {
        "dataAssociatorType": 0,
        "associationMatcherType": 1,
        "checkClassMatch": 1,
        "minMatchingScore4Overall": 0.1,
        "minMatchingScore4SizeSimilarity": 0.3,
        "minMatchingScore4Iou": tracker.match_iou,
        "matchingScoreWeight4SizeSimilarity": 0.3,
        "matchingScoreWeight4Iou": 0.4,
        "tentativeDetectorConfidence": tracker.score_high,
        "minMatchingScore4TentativeIou": 0.3,
    }


def _nvdcf(graph: Graph) -> Mapping[str, Mapping[str, Value]]:
    return {
        "DataAssociator": {
            **_association(graph.tracker),
            "minMatchingScore4VisualSimilarity": 0.4,
            "matchingScoreWeight4VisualSimilarity": 0.4,
        },
        "StateEstimator": {
            "stateEstimatorType": 1,
            "processNoiseVar4Loc": 2.0,
            "processNoiseVar4Size": 1.0,
            "processNoiseVar4Vel": 0.1,
            "measurementNoiseVar4Detector": 4.0,
            "measurementNoiseVar4Tracker": 16.0,
        },
        "VisualTracker": {
            "visualTrackerType": VISUAL_TRACKER[graph.version],
            "useColorNames": 1,
            "useHog": 1 if graph.target == "dgpu" else 0,
            "featureImgSizeLevel": 3 if graph.target == "dgpu" else 2,
            "featureFocusOffsetFactor_y": -0.2,
            "filterLr": 0.075,
            "filterChannelWeightsLr": 0.1,
            "gaussianSigma": 0.75,
        },
    }


def _nvdeepsort(tracker: Tracker) -> Mapping[str, Mapping[str, Value]]:
    return {
        "DataAssociator": {
            **_association(tracker),
            "thresholdMahalanobis": 12.0,
            "minMatchingScore4ReidSimilarity": 0.6,
            "matchingScoreWeight4ReidSimilarity": 0.3,
        },
        "StateEstimator": {
            "stateEstimatorType": 2,
            "noiseWeightVar4Loc": 0.05,
            "noiseWeightVar4Vel": 0.00625,
            "useAspectRatio": 1,
        },
    }


def _reid(graph: Graph, inference: Inference, models: str) -> Mapping[str, Value]:
    card = inference.card
    return {
        "reidType": 1 if graph.tracker.name == "nvdeepsort" else 2,
        "outputReidTensor": 1,
        "batchSize": inference.batch,
        "workspaceSize": _WORKSPACE_MB[graph.target],
        "reidFeatureSize": card.dim or 0,
        "reidHistorySize": _FEATURES_KEPT,
        "inferDims": (3, card.input.height, card.input.width),
        "networkMode": NVTRACKER_PRECISION[inference.precision],
        "inputOrder": 0,
        "colorFormat": NVTRACKER_COLOUR[card.input.colour],
        "offsets": inference.scaling.offsets,
        "netScaleFactor": inference.scaling.factor,
        "keepAspc": 0 if card.input.resize == "stretch" else 1,
        "addFeatureNormalization": 1,
        "onnxFile": f"{models}/{card.file}",
        "modelEngineFile": f"{models}/{inference.engine_name}",
    }


def _yaml(value: Value) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(text_of(item) for item in value)}]"
    return str(value) if isinstance(value, int) else text_of(value)
