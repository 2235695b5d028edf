"""A model card: everything the code must know about one file of weights.

What a network expects of its input, how its outputs are read, and where the file comes from is
written in ``models/<name>/card.yaml`` and nowhere in code. Cards are read by
:mod:`edge.config.catalog`; :func:`edge.backends.ports.check_ports` compares one with its graph.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["CardInput", "DecoderName", "DecoderOptions", "ModelCard"]

DecoderName = Literal[
    "yolox", "yolov8", "yolo-end2end", "boxes-scores", "embedding", "pictures", "heatmaps", "simcc"
]
Triple = tuple[float, float, float]
Dimension = Annotated[int, Field(gt=0)] | None

_DECODERS_OF: dict[str, tuple[str, ...]] = {
    "embed": ("embedding",),
    "generate": ("pictures",),
    "pose": ("heatmaps", "simcc"),
}
_DETECTORS = tuple(
    name for name in get_args(DecoderName) if not any(name in own for own in _DECODERS_OF.values())
)

# One path component that is the same file name on every system: no separator, no drive, no leading dot.
PLAIN_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*\Z")
CARD_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*\Z")


class _Part(BaseModel):
    """A frozen piece of a card; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CardInput(_Part):
    """The image input: float or byte tensor (batch, 3, height, width).

    A pixel becomes ``(pixel * scale - mean) / std``, where pixel is 0 to 255 and the channels
    (also of ``mean`` and ``std``) are in ``colour`` order.
    """

    name: str = Field(min_length=1, description="The tensor's name in the graph.")
    width: int = Field(gt=0, le=8192, description="Input width in pixels.")
    height: int = Field(gt=0, le=8192, description="Input height in pixels.")
    resize: Literal["letterbox", "letterbox-top-left", "stretch"] = Field(
        description="Keep the aspect ratio and pad on all sides, or right and bottom only; or stretch."
    )
    pad: int = Field(default=114, ge=0, le=255, description="Grey value of the padding, before scaling.")
    colour: Literal["bgr", "rgb"] = Field(description="Channel order the network was trained with.")
    scale: float = Field(default=1.0, gt=0, description="Each pixel is first multiplied by this.")
    mean: Triple = Field(default=(0.0, 0.0, 0.0), description="Then this is subtracted, per channel.")
    std: Triple = Field(default=(1.0, 1.0, 1.0), description="Then divided by this, per channel.")
    dtype: Literal["float32", "float16", "uint8"] = Field(default="float32", description="Element type.")

    @field_validator("std")
    @classmethod
    def _std_is_positive(cls, std: Triple) -> Triple:
        if min(std) <= 0:
            raise ValueError("each number must be more than 0")
        return std


class DecoderOptions(_Part):
    """How a detector's outputs are read; which of these count depends on the decoder."""

    boxes_output: str | None = Field(
        default=None, description="Output with the boxes (or with everything); null: the only output."
    )
    scores_output: str | None = Field(
        default=None, description="Output with the scores; null: they are in the last column of the boxes."
    )
    box_format: Literal["xyxy", "xywh", "cxcywh"] = Field(
        default="xyxy", description="Corners, left-top and size, or centre and size."
    )
    box_units: Literal["pixels", "fraction"] = Field(
        default="pixels", description="Pixels of the network's input, or fractions of it."
    )
    strides: tuple[Annotated[int, Field(gt=0)], ...] = Field(
        default=(8, 16, 32), min_length=1, description="Cell size of each undecoded grid, in pixels."
    )
    person_class: int = Field(default=0, ge=0, description="Number of the class 'person'.")
    class_count: int = Field(default=1, ge=1, description="How many classes the network scores.")

    @model_validator(mode="after")
    def _person_is_a_class(self) -> DecoderOptions:
        if self.person_class >= self.class_count:
            raise ValueError(f"person_class must be below class_count ({self.class_count})")
        return self


class ModelCard(_Part):
    """One network: its file, its rights, its ports, its advised numbers."""

    name: str = Field(max_length=64, description="Name in pipelines and commands; the folder's name.")
    task: Literal["detect", "embed", "generate", "pose"] = Field(description="What it is for.")
    file: str = Field(max_length=128, description="File name of the weights, without any folder.")
    bytes: int | None = Field(gt=0, description="Size of that file in bytes; null where sha256 is.")
    sha256: str | None = Field(
        description="SHA-256 of that file, 64 lower-case hexadecimal digits; null where nobody gives one; "
        "it is then compared name by name with its network."
    )
    licence: str = Field(min_length=1, description="Licence of the weights and what is known of it.")
    origin: str = Field(min_length=1, description="Where the file comes from: repository@commit: path.")
    url: str | None = Field(default=None, description="Where the very same file can be downloaded.")
    notes: str = Field(default="", description="What a user should know before choosing it.")
    input: CardInput = Field(description="The image input.")
    outputs: dict[str, tuple[Dimension, ...]] = Field(
        min_length=1, description="Shape of each output that is used; null where it may vary."
    )
    batch: int | None = Field(default=None, gt=0, description="Fixed batch size; null where it is free.")
    decoder: DecoderName = Field(description="How the outputs become boxes, embeddings or keypoints.")
    decoder_options: DecoderOptions = Field(default_factory=DecoderOptions, description="For the decoder.")
    score_min: float | None = Field(default=None, ge=0, le=1, description="Advised least score of a box.")
    nms_iou: float | None = Field(
        default=None, gt=0, le=1, description="Advised overlap at which a box is suppressed."
    )
    dim: int | None = Field(default=None, gt=0, description="Length of the embedding.")
    metrics: dict[str, float] = Field(default_factory=dict, description="Measured numbers, by what they are.")

    @field_validator("name")
    @classmethod
    def _name_is_plain(cls, name: str) -> str:
        if not CARD_NAME.match(name):
            raise ValueError("must be lower-case letters, digits, '-' and '.', e.g. yolox-nano")
        return name

    @field_validator("file")
    @classmethod
    def _file_is_a_plain_name(cls, file: str) -> str:
        if not PLAIN_FILE_NAME.match(file):
            raise ValueError("must be a plain file name, without a folder (letters, digits, and _ . + -)")
        return file

    @field_validator("sha256")
    @classmethod
    def _sha256_is_a_digest(cls, sha256: str | None) -> str | None:
        if sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise ValueError("must be 64 lower-case hexadecimal digits")
        return sha256

    @field_validator("url")
    @classmethod
    def _url_can_be_fetched(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"(https?://[^/\s@]+/|file:///)\S*\Z", url):
            raise ValueError(
                "must be an http://, https:// or file:/// URL without user and password, or null"
            )
        return url

    @model_validator(mode="after")
    def _parts_fit_together(self) -> ModelCard:
        if (self.sha256 is None) != (self.bytes is None):
            raise ValueError("bytes and sha256 are both known or both null")
        if self.sha256 is None and (self.url is not None or self.file.endswith(".onnx")):
            raise ValueError("sha256 may be null only for torch weights that have no url")
        allowed = _DECODERS_OF.get(self.task, _DETECTORS)
        if self.decoder not in allowed:
            raise ValueError(f"task '{self.task}' needs one of these decoders: {', '.join(allowed)}")
        if self.task == "embed":
            self._check_embedding()
        elif self.task == "detect":
            self._check_detection()
        elif self.task == "pose":
            self._check_keypoints()
        return self

    def _check_embedding(self) -> None:
        if self.dim is None:
            raise ValueError("task 'embed' needs dim, the length of the embedding")
        if len(self.outputs) != 1:
            raise ValueError("task 'embed' needs exactly one output")
        shape = next(iter(self.outputs.values()))
        if not shape or shape[-1] not in (self.dim, None):
            raise ValueError(f"the output's last dimension must be dim ({self.dim})")

    def _check_keypoints(self) -> None:
        shapes = list(self.outputs.values())
        if self.decoder == "heatmaps" and (len(shapes) != 1 or len(shapes[0]) != 4):
            raise ValueError("decoder 'heatmaps' needs one output of shape [n, keypoints, rows, columns]")
        if self.decoder == "simcc" and (len(shapes) != 2 or any(len(shape) != 3 for shape in shapes)):
            raise ValueError("decoder 'simcc' needs two outputs of shape [n, keypoints, bins], x before y")
        for shape in shapes:
            if shape[1] not in (17, 18, None):
                raise ValueError("17 keypoints in COCO's order or 18 in OpenPose's are known")

    def _check_detection(self) -> None:
        if self.score_min is None or self.nms_iou is None:
            raise ValueError("task 'detect' needs score_min and nms_iou, the numbers advised for it")
        options = self.decoder_options
        for key, output in (("boxes_output", options.boxes_output), ("scores_output", options.scores_output)):
            if output is not None and output not in self.outputs:
                raise ValueError(f"decoder_options.{key} '{output}' is not among outputs")
        if options.boxes_output is None and len(self.outputs) != 1:
            raise ValueError("decoder_options.boxes_output must say which of the outputs has the boxes")

    @property
    def fingerprint(self) -> str:
        """Name and first digits of the sha256; embeddings of different fingerprints are never compared.

        Where the card knows no sha256, :func:`edge.config.weights.identified` takes the file's.
        """
        return f"{self.name}@{(self.sha256 or 'unknown')[:12]}"

    @property
    def input_shape(self) -> tuple[int | None, int, int, int]:
        """Shape (batch, 3, height, width) of the input; batch is None where it is free."""
        return (self.batch, 3, self.input.height, self.input.width)

    @property
    def boxes_output(self) -> str:
        """Name of the output with the boxes (or with the embedding)."""
        return self.decoder_options.boxes_output or next(iter(self.outputs))
