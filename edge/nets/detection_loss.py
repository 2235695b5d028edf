"""What a detector is to say where, and how wrong it is.

Cells are given to people by how well they do already: score and overlap together (the task-aligned assignment
of TOOD, Feng et al. 2021, section 3.2). Scores learn the overlap of their box (a soft target), boxes the
generalized IoU (Rezatofighi et al. 2019). People who can hardly be seen are neither right nor wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from edge.nets.person_detector import decode_boxes

__all__ = ["Assignment", "DetectionLoss", "Truth", "assign", "detection_loss", "generalized_iou"]

_PER_PERSON = 9  # cells that may answer for one person
_SCORE_POWER, _OVERLAP_POWER = 0.5, 4.0
_REACH_CELLS = 0.8  # a cell so near to a person's middle may answer however small they are
_BOX_WEIGHT = 2.5
_TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Who is on each picture of a batch.

    boxes_px: float32 (n, people, 4)  left, top, right, bottom in input pixels; rows beyond the last are zero
    counts:   bool (n, people)        somebody to be found
    ignored:  bool (n, people)        somebody whom it is no mistake to find or not
    """

    boxes_px: Tensor
    counts: Tensor
    ignored: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Which cell answers for whom.

    person: int64 (n, cells)   row in the truth; 0 where nobody
    score:  float32 (n, cells) what the cell's score should be; 0 where nobody
    weight: float32 (n, cells) 0 where saying nothing and saying something are both fine, else 1
    """

    person: Tensor
    score: Tensor
    weight: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class DetectionLoss:
    """The sum to be made small, and its two parts as numbers."""

    total: Tensor
    score: float
    box: float


def detection_loss(raw: Tensor, truth: Truth, middles: Tensor, strides: Tensor) -> DetectionLoss:
    """How wrong a batch of raw boxes and scores is.

    Args:
        raw: (n, cells, 5), from :class:`~edge.nets.person_detector.PersonDetector`.
        truth: who is there.
        middles: (cells, 2), from :func:`~edge.nets.person_detector.grid_cells`.
        strides: (cells, 1), likewise.
    """
    boxes, logits = decode_boxes(raw, middles, strides), raw[..., 4]
    given = assign(boxes.detach(), logits.detach().sigmoid(), truth, middles, strides)
    wrong = functional.binary_cross_entropy_with_logits(logits, given.score, reduction="none")
    amount = given.score.sum().clamp(min=1.0)
    score_loss = (wrong * given.weight).sum() / amount
    answers = given.score > 0
    wanted = truth.boxes_px.gather(1, given.person[..., None].expand(-1, -1, 4))
    overlaps = generalized_iou(boxes[answers], wanted[answers])
    box_loss = ((1.0 - overlaps) * given.score[answers]).sum() / amount
    total = score_loss + _BOX_WEIGHT * box_loss
    return DetectionLoss(total, float(score_loss.detach()), float(box_loss.detach()))


def assign(boxes: Tensor, scores: Tensor, truth: Truth, middles: Tensor, strides: Tensor) -> Assignment:
    """Give each person the cells that do best for them already.

    Args:
        boxes: (n, cells, 4) corners in pixels, without gradient.
        scores: (n, cells) 0 to 1, without gradient.
        truth: who is there.
        middles: (cells, 2) the middle of each cell in pixels.
        strides: (cells, 1) its size.
    """
    people = truth.boxes_px[:, :, None, :]  # (n, people, 1, 4)
    near = _reaches(people, middles, strides)
    overlaps = _iou(people, boxes[:, None]).clamp(min=0.0)
    may_answer = near & truth.counts[:, :, None]
    fits = torch.where(
        may_answer,
        scores[:, None].pow(_SCORE_POWER) * overlaps.pow(_OVERLAP_POWER),
        torch.zeros_like(overlaps),
    )
    best = fits.topk(min(_PER_PERSON, fits.shape[-1]), dim=-1).indices
    chosen = torch.zeros_like(may_answer).scatter_(-1, best, True) & may_answer & (fits > _TINY)
    # A cell that several want goes to the one it overlaps most.
    most = torch.where(chosen, overlaps, torch.full_like(overlaps, -1.0)).argmax(dim=1, keepdim=True)
    chosen &= torch.zeros_like(chosen).scatter_(1, most, True)
    fits = fits * chosen
    overlaps = overlaps * chosen
    highest = fits.amax(dim=-1, keepdim=True).clamp(min=_TINY)
    targets = fits / highest * overlaps.amax(dim=-1, keepdim=True)
    score, person = targets.max(dim=1)
    ignored = (near & truth.ignored[:, :, None]).any(dim=1)
    return Assignment(person, score, (~ignored | (score > 0)).to(score.dtype))


def generalized_iou(boxes: Tensor, wanted: Tensor) -> Tensor:
    """IoU less the share of the common hull that neither covers, (m, 4) and (m, 4) to (m,), -1 to 1."""
    low, high = torch.minimum(boxes[:, :2], wanted[:, :2]), torch.maximum(boxes[:, 2:], wanted[:, 2:])
    hull = (high - low).clamp(min=0.0).prod(dim=-1).clamp(min=_TINY)
    union = _area(boxes) + _area(wanted) - _shared(boxes, wanted)
    return _iou(boxes, wanted) - (hull - union) / hull


def _reaches(people: Tensor, middles: Tensor, strides: Tensor) -> Tensor:
    """Whether a cell lies in somebody's box, or near its middle where it is tiny; bool (n, people, cells)."""
    centres = (people[..., :2] + people[..., 2:]) * 0.5
    halves = torch.maximum((people[..., 2:] - people[..., :2]) * 0.5, strides * _REACH_CELLS)
    return ((middles - centres).abs() < halves).all(dim=-1)


def _iou(one: Tensor, other: Tensor) -> Tensor:
    shared = _shared(one, other)
    return shared / (_area(one) + _area(other) - shared).clamp(min=_TINY)


def _shared(one: Tensor, other: Tensor) -> Tensor:
    low, high = torch.maximum(one[..., :2], other[..., :2]), torch.minimum(one[..., 2:], other[..., 2:])
    return (high - low).clamp(min=0.0).prod(dim=-1)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0.0).prod(dim=-1)
