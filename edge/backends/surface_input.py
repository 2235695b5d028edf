"""From surfaces to a network's input, all pictures of a batch together, on the device they lie on.

What OpenCV does on the host (:class:`edge.backends.pictures.InputBatch`) in terms of torch: linear
interpolation between pixel centres without smoothing, in steps of 1/2048 and rounded to whole pixels as its
8-bit resize does. The pictures of a batch are laid end to end and every output pixel gathers its four
neighbours from there, so pictures of different sizes share the same few kernels, and only pixels that are
needed are read. torch's ``grid_sample`` wants float pictures of one size instead.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from edge.backends.pictures import Normalization, Placement, place
from edge.backends.session import DeviceArray, Session, device_session
from edge.backends.surfaces import DeviceSurface, SurfaceDevice
from edge.config.card import CardInput
from edge.records import Pixels

__all__ = ["DeviceFeeder", "fit"]

_log = logging.getLogger(__name__)

_STEPS = 2048.0  # OpenCV's 8-bit resize knows weights of 11 bits

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "uint8": torch.uint8}


class DeviceFeeder:
    """Pictures on a device, fitted there, and read there by a session that can.

    A session that reads only the host's memory gets the fitted batch copied, which is said once.

    Args:
        spec: the input's part of a model card.
        session: the open network; stays the caller's to close.
        device: where pictures are fitted; those that are elsewhere are copied there.
        card_name: the model's name, for messages.

    Raises:
        ModelError: the card asks for bytes and for a normalisation that bytes cannot hold.
    """

    def __init__(self, spec: CardInput, session: Session, device: SurfaceDevice, card_name: str = "") -> None:
        self._spec = spec
        self._session = session
        self._device = device
        self._direct = device_session(session, device.kind)
        numbers = Normalization(spec)
        self._is_plain = numbers.is_plain
        self._factor = torch.from_numpy(numbers.factor).to(device.torch)[:, None, None]
        self._offset = torch.from_numpy(numbers.offset).to(device.torch)[:, None, None]
        if self._direct is None:
            _log.warning(
                "model '%s': %s does not read the memory of %s; its input is copied to the host each time",
                card_name,
                session.label,
                device.kind,
            )

    def run(
        self, pictures: Sequence[Pixels], rows: int
    ) -> tuple[dict[str, NDArray[np.generic]], list[Placement]]:
        """Fit and run; see :class:`edge.backends.pictures.Feeder`.

        Raises:
            RunError: the device's memory is full, or the network failed.
        """
        surfaces = [self._device.uploaded(one) for one in pictures]
        with self._device.memory():
            tensor, placements = self.tensor(surfaces)
            if rows > len(surfaces):
                tensor = torch.cat((tensor, tensor[-1:].expand(rows - len(surfaces), -1, -1, -1)))
        tensor = tensor.contiguous()
        name = self._spec.name
        if self._direct is None:
            return self._session.run({name: tensor.cpu().numpy()}), placements
        given = DeviceArray(
            tensor.data_ptr(), tuple(tensor.shape), self._spec.dtype, tensor, self._device.finish
        )
        return self._direct.run_from_device({name: given}), placements

    def tensor(self, surfaces: Sequence[DeviceSurface]) -> tuple[torch.Tensor, list[Placement]]:
        """The network's input (n, 3, height, width) for these pictures, and where each of them lies in it."""
        spec = self._spec
        placements = [place(*surface.size_px, spec) for surface in surfaces]
        pixels = fit(
            [surface.tensor for surface in surfaces], placements, (spec.width, spec.height), float(spec.pad)
        )
        planes = pixels.permute(0, 3, 1, 2)
        if spec.colour == "rgb":
            planes = planes.flip(1)
        if not self._is_plain:
            planes = planes * self._factor + self._offset
        return planes.to(_DTYPES[spec.dtype]).contiguous(), placements


def fit(
    pictures: Sequence[torch.Tensor], placements: Sequence[Placement], size_px: tuple[int, int], pad: float
) -> torch.Tensor:
    """Bring pictures of any sizes to one size.

    Args:
        pictures: uint8 (h, w, 3) each, contiguous, all on one device.
        placements: where each of them goes.
        size_px: width and height of the result.
        pad: value of what they do not fill.

    Returns:
        float32 (n, height, width, 3), whole numbers of 0 to 255.
    """
    device = pictures[0].device
    flat = pictures[0].reshape(-1, 3)
    if len(pictures) > 1:
        flat = torch.cat([one.reshape(-1, 3) for one in pictures])
    width, height = size_px
    numbers = np.array(
        [
            (p.left_px, p.top_px, p.width_px, p.height_px, p.source_width_px, p.source_height_px)
            for p in placements
        ],
        dtype=np.int64,
    )
    firsts = np.concatenate(([0], np.cumsum(numbers[:, 4] * numbers[:, 5])[:-1]))
    table = torch.from_numpy(np.column_stack((numbers, firsts))).to(device)
    left, top, wide, high, source_wide, source_high, first = table.unsqueeze(2).unbind(1)  # each (n, 1)
    x0, x1, across, in_x = _taps(width, left, wide, source_wide)
    y0, y1, down, in_y = _taps(height, top, high, source_high)
    upper, lower = first + y0 * source_wide, first + y1 * source_wide

    def gathered(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        places = (rows[:, :, None] + columns[:, None, :]).reshape(-1)
        return flat.index_select(0, places).to(torch.float32).reshape(-1, height, width, 3)

    across, down = across[:, None, :, None], down[:, :, None, None]
    above = torch.lerp(gathered(upper, x0), gathered(upper, x1), across)
    below = torch.lerp(gathered(lower, x0), gathered(lower, x1), across)
    # OpenCV rounds halves up; adding before the floor does so too.
    fitted = torch.floor(torch.lerp(above, below, down) + 0.5)
    if bool((numbers[:, 2] == width).all() and (numbers[:, 3] == height).all()):
        return fitted
    inside = in_y[:, :, None, None] & in_x[:, None, :, None]
    return torch.where(inside, fitted, pad)


def _taps(
    count: int, first: torch.Tensor, length: torch.Tensor, source: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Along one side: which two source pixels each output pixel lies between.

    Args:
        count: output pixels.
        first: int64 (n, 1), the first of them that the picture fills.
        length: int64 (n, 1), how many it fills.
        source: int64 (n, 1), the picture's own pixels.

    Returns:
        int64 (n, count) lower and upper pixel; float32 (n, count) weight of the upper; bool (n, count)
        whether it lies in the picture at all.
    """
    places = torch.arange(count, device=first.device) - first
    at = (places.to(torch.float64) + 0.5) * (source.to(torch.float64) / length.to(torch.float64)) - 0.5
    lower = torch.floor(at)
    weight = torch.round((at - lower) * _STEPS) / _STEPS
    lower = lower.to(torch.int64)
    last = source - 1
    low, high = torch.minimum(lower.clamp(min=0), last), torch.minimum((lower + 1).clamp(min=0), last)
    return low, high, weight.to(torch.float32), (places >= 0) & (places < length)
