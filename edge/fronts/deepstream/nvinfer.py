"""Configuration of nvinfer for the detector and for the secondary ReID network."""

from __future__ import annotations

from edge.config.card import ModelCard
from edge.fronts.deepstream.codes import NVINFER_COLOUR, NVINFER_PRECISION
from edge.fronts.deepstream.graph import PERSON_CLASS, Graph, Inference
from edge.fronts.deepstream.ini import Sections, numbers, text_of

__all__ = ["PARSER_FUNCTION", "PARSER_LIBRARY", "detector_sections", "reid_sections"]

PARSER_FUNCTION = "EdgeParsePeople"
PARSER_LIBRARY = "parser/libedge_parser.so"

# nvinfer's cluster-mode: 2 suppresses by overlap, 4 leaves the boxes as the parser gave them.
_SUPPRESS, _AS_THEY_ARE = 2, 4
_BOXES_MAX = 300


def detector_sections(graph: Graph, library: str = PARSER_LIBRARY) -> Sections:
    """Return the sections of the primary nvinfer.

    Args:
        graph: the graph.
        library: path of the compiled box parser, relative to the configuration file or absolute.
    """
    card = graph.detector.card
    end_to_end = card.decoder == "yolo-end2end"
    return {
        "property": {
            **_common(graph, graph.detector),
            "process-mode": "1",
            "network-type": "0",
            "interval": str(graph.interval),
            "num-detected-classes": "1",
            "labelfile-path": "labels.txt",
            "maintain-aspect-ratio": _flag(card.input.resize != "stretch"),
            "symmetric-padding": _flag(card.input.resize == "letterbox"),
            "cluster-mode": str(_AS_THEY_ARE if end_to_end else _SUPPRESS),
            "custom-lib-path": library,
            "parse-bbox-func-name": PARSER_FUNCTION,
        },
        "class-attrs-all": {
            "pre-cluster-threshold": text_of(graph.score_min),
            "nms-iou-threshold": text_of(graph.nms_iou),
            "topk": str(_BOXES_MAX),
        },
    }


def reid_sections(graph: Graph, inference: Inference) -> Sections:
    """Return the sections of the secondary nvinfer, whose raw output the probe reads."""
    return {
        "property": {
            **_common(graph, inference),
            "process-mode": "2",
            "network-type": "100",
            "output-tensor-meta": "1",
            "operate-on-gie-id": str(graph.detector.unique_id),
            "operate-on-class-ids": str(PERSON_CLASS),
            "input-object-min-height": str(graph.person_height_min_px),
            "maintain-aspect-ratio": _flag(inference.card.input.resize != "stretch"),
            "symmetric-padding": _flag(inference.card.input.resize == "letterbox"),
        }
    }


def _common(graph: Graph, inference: Inference) -> dict[str, str]:
    """What both networks need."""
    card = inference.card
    values = {} if graph.target == "jetson" else {"gpu-id": "0"}
    return values | {
        "gie-unique-id": str(inference.unique_id),
        "onnx-file": f"models/{card.file}",
        "model-engine-file": f"models/{inference.engine_name}",
        "batch-size": str(inference.batch),
        "network-mode": str(NVINFER_PRECISION[inference.precision]),
        "infer-dims": f"3;{card.input.height};{card.input.width}",
        "network-input-order": "0",
        "model-color-format": str(NVINFER_COLOUR[card.input.colour]),
        "net-scale-factor": text_of(inference.scaling.factor),
        "offsets": numbers(inference.scaling.offsets),
        "output-blob-names": ";".join(_outputs(card)),
    }


def _outputs(card: ModelCard) -> tuple[str, ...]:
    return tuple(card.outputs)


def _flag(wanted: bool) -> str:
    return "1" if wanted else "0"
