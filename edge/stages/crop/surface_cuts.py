"""Parts of a picture on a device: judged there together, one small copy to the host for all of them.

The same numbers as :func:`edge.stages.crop.quality.sharpness`, which OpenCV computes on the host: grey, made
at most 64 px high by averaging areas, and the variance of its Laplacian by its own.
torch is imported here, so import this module only where a device was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from edge.backends.surfaces import DeviceSurface, SurfaceDevice
from edge.records import Pixels
from edge.stages.crop.cuts import Box
from edge.stages.crop.quality import DETAIL_HALF, DETAIL_HEIGHT_PX, NOISE_VARIANCE

__all__ = ["SurfaceCuts", "SurfaceCutting", "sharpness_of"]

# Pixels looked at in one go, padding included: some hundred bytes each while they are.
_TOGETHER_PX = 1 << 20


class SurfaceCutting:
    """Makes :class:`SurfaceCuts`.

    Args:
        device: where the parts lie; a picture that is elsewhere is copied there.
    """

    def __init__(self, device: SurfaceDevice) -> None:
        self._device = device

    def __call__(self, pixels: Pixels, boxes: Sequence[Box]) -> SurfaceCuts:
        """Look at the parts of a picture.

        Raises:
            RunError: the device's memory is full.
        """
        return SurfaceCuts(self._device, self._device.uploaded(pixels), boxes)


class SurfaceCuts:
    """Parts of one picture on a device; see :class:`edge.stages.crop.cuts.Cuts`."""

    def __init__(self, device: SurfaceDevice, whole: DeviceSurface, boxes: Sequence[Box]) -> None:
        self._device = device
        self._whole = whole
        self._boxes = boxes
        with device.memory():
            self._sharpness = sharpness_of(whole.tensor, boxes)

    def sharpness(self, index: int) -> float:
        """How sharp a part is."""
        return float(self._sharpness[index])

    def pixels(self, index: int) -> DeviceSurface:
        """A part as a surface of its own memory."""
        return self._device.cut(self._whole, [self._boxes[index]])[0]


def sharpness_of(image: torch.Tensor, boxes: Sequence[Box]) -> NDArray[np.float64]:
    """How sharp parts of a picture are.

    Args:
        image: uint8 (height, width, 3), blue first.
        boxes: the parts.

    Returns:
        float64 (n,) of 0 to 1, on the host.
    """
    if not boxes:
        return np.zeros(0)
    found = [_sharpness(image, group) for group in _groups(boxes)]
    values: NDArray[np.float64] = torch.cat(found).cpu().numpy()
    return values


def _groups(boxes: Sequence[Box]) -> Iterator[Sequence[Box]]:
    """The boxes in order, so many together that the widest and highest of them fill no more than allowed."""
    group: list[Box] = []
    for box in boxes:
        wide = max(right - left for left, _, right, _ in (*group, box))
        high = max(bottom - top for _, top, _, bottom in (*group, box))
        if group and (len(group) + 1) * wide * high > _TOGETHER_PX:
            yield group
            group = []
        group.append(box)
    yield group


def _sharpness(image: torch.Tensor, boxes: Sequence[Box]) -> torch.Tensor:
    """How sharp the parts are, float64 (n,), on the device."""
    sizes = [(right - left, bottom - top) for left, top, right, bottom in boxes]
    numbers = [(*box[:2], *size, *_looked_at(*size)) for box, size in zip(boxes, sizes, strict=True)]
    table = torch.tensor(numbers, dtype=torch.int64, device=image.device)
    left, top, wide, high, small_wide, small_high = table.unsqueeze(2).unbind(1)  # each (n, 1)
    widest, highest = max(size[0] for size in sizes), max(size[1] for size in sizes)
    rows = top + torch.minimum(_count(highest, image), high - 1)
    columns = left + torch.minimum(_count(widest, image), wide - 1)
    places = rows[:, :, None] * image.shape[1] + columns[:, None, :]
    blue, green, red = image.reshape(-1, 3)[places.reshape(-1)].to(torch.int32).unbind(1)
    grey = (blue * 1868 + green * 9617 + red * 4899 + 8192) >> 14  # OpenCV's weights
    grey = grey.reshape(places.shape).to(torch.float32)
    down = _shares(high, small_high, highest, int(max(one[5] for one in numbers)))
    across = _shares(wide, small_wide, widest, int(max(one[4] for one in numbers)))
    small = torch.round(down @ grey @ across.transpose(1, 2))

    ys, xs = _count(small.shape[1], image)[None], _count(small.shape[2], image)[None]
    inside = (ys < small_high)[:, :, None] & (xs < small_wide)[:, None, :]
    before_y, after_y = _around(ys, small_high)
    before_x, after_x = _around(xs, small_wide)
    edges = -4.0 * small
    for places in (before_y, after_y):
        edges = edges + small.gather(1, places[:, :, None].expand_as(small))
    for places in (before_x, after_x):
        edges = edges + small.gather(2, places[:, None, :].expand_as(small))
    relative = _variance(edges, inside) / (_variance(small, inside) + NOISE_VARIANCE)
    return relative / (relative + DETAIL_HALF)


def _looked_at(width: int, height: int) -> tuple[int, int]:
    """The size at which a part's detail is measured."""
    if height <= DETAIL_HEIGHT_PX:
        return width, height
    return max(1, round(width * DETAIL_HEIGHT_PX / height)), DETAIL_HEIGHT_PX


def _count(length: int, image: torch.Tensor) -> torch.Tensor:
    return torch.arange(length, device=image.device)


def _shares(source: torch.Tensor, target: torch.Tensor, source_max: int, target_max: int) -> torch.Tensor:
    """How much of each source pixel each smaller target pixel covers, along one side.

    Args:
        source: int64 (n, 1), pixels there are.
        target: int64 (n, 1), pixels they become.
        source_max: the most of the former.
        target_max: the most of the latter.

    Returns:
        float32 (n, target_max, source_max), each used row adds up to 1.
    """
    step = (source.to(torch.float64) / target.to(torch.float64))[:, :, None]
    targets = torch.arange(target_max, device=source.device, dtype=torch.float64)[None, :, None]
    sources = torch.arange(source_max, device=source.device, dtype=torch.float64)[None, None, :]
    covered = torch.minimum((targets + 1) * step, sources + 1) - torch.maximum(targets * step, sources)
    used = targets < target[:, :, None]
    return torch.where(used, covered.clamp(min=0) / step, 0.0).to(torch.float32)


def _around(places: torch.Tensor, length: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The pixel before and the one after each, mirrored at the borders without repeating them."""
    last = length - 1
    before = torch.where(places == 0, last.clamp(max=1), places - 1)
    after = torch.where(places >= last, (last - 1).clamp(min=0), places + 1)
    return torch.minimum(before, last), after


def _variance(values: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Variance of the values that count, (n, h, w) to float64 (n,)."""
    kept = values.to(torch.float64) * inside
    count = inside.sum(dim=(1, 2))
    mean = kept.sum(dim=(1, 2)) / count
    apart = (values.to(torch.float64) - mean[:, None, None]) * inside
    return (apart * apart).sum(dim=(1, 2)) / count
