"""A pipeline of two tiny networks made on the spot: one sees the same person in every picture.

They need neither downloaded weights nor noteworthy time, so a whole run with them tests everything else.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE_PX = (32, 24)  # width and height of both inputs
BOX = (0.3, 0.1, 0.7, 0.95)  # left, top, right, bottom in fractions of the picture


def write_pipeline(folder: Path, extra: str = "") -> Path:
    """Write both networks with their cards, and a pipeline.yaml that names them.

    Args:
        folder: where; name it in EDGE_PRETRAINED too.
        extra: more lines of the pipeline.
    """
    _write_card(folder, "tiny-detector", "detect", _detector(), DETECT)
    _write_card(folder, "tiny-reid", "embed", _reid(), EMBED)
    pipeline = folder / "pipeline.yaml"
    pipeline.write_text(
        "detect: {model: ./tiny-detector/card.yaml}\nembed: {model: ./tiny-reid/card.yaml}\n" + extra
    )
    return pipeline


def _detector() -> onnx.GraphProto:
    box = numpy_helper.from_array(np.array([[BOX]], np.float32), "box")
    score = numpy_helper.from_array(np.array([[0.9]], np.float32), "score")
    return helper.make_graph(
        [
            helper.make_node("Identity", ["box"], ["boxes"]),
            helper.make_node("Identity", ["score"], ["scores"]),
        ],
        "detector",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIZE_PX[1], SIZE_PX[0]])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 1, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1]),
        ],
        [box, score],
    )


def _reid() -> onnx.GraphProto:
    return helper.make_graph(
        [helper.make_node("ReduceMean", ["images"], ["embedding"], axes=[2, 3], keepdims=0)],
        "reid",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIZE_PX[1], SIZE_PX[0]])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 3])],
    )


def _write_card(folder: Path, name: str, task: str, graph: onnx.GraphProto, rest: str) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    weights = model.SerializeToString()
    (folder / f"{name}.onnx").write_bytes(weights)
    (folder / name).mkdir()
    (folder / name / "card.yaml").write_text(
        f"name: {name}\ntask: {task}\nfile: {name}.onnx\nbytes: {len(weights)}\n"
        f'sha256: "{hashlib.sha256(weights).hexdigest()}"\nlicence: Apache-2.0\norigin: made by this test\n'
        f"url: null\nnotes: ''\ninput:\n  name: images\n  width: {SIZE_PX[0]}\n  height: {SIZE_PX[1]}\n"
        "  resize: stretch\n  colour: bgr\n  scale: 1.0\n  mean: [0, 0, 0]\n  std: [1, 1, 1]\n"
        f"  dtype: float32\n{rest}"
    )


DETECT = """\
outputs:
  boxes: [1, 1, 4]
  scores: [1, 1]
batch: 1
decoder: boxes-scores
decoder_options: {boxes_output: boxes, scores_output: scores, box_format: xyxy, box_units: fraction}
score_min: 0.1
nms_iou: 0.5
"""
EMBED = """\
outputs:
  embedding: [null, 3]
batch: null
decoder: embedding
dim: 3
"""
