"""Pictures in and out: references and poses as the networks want them, results with a label in the file.

Everything is resized with Pillow's Lanczos filter, the aspect ratio not kept, which is what upstream does and
what the published weights were trained with.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from edge.errors import RunError
from edge.stores.labelled import SYNTHETIC, XMP

__all__ = [
    "PICTURE_SUFFIXES",
    "SYNTHETIC",
    "Reference",
    "canvas",
    "read_picture",
    "reference_of",
    "save_picture",
    "save_plain",
    "to_pose_input",
    "to_reid_input",
    "to_vae_input",
    "write_whole",
]

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
SIDE_MIN_PX = 16  # below this nobody can be recognised
PIXELS_MAX = 64_000_000
CANVAS_PX = (256, 128)  # height and width of each picture of a canvas


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A person's picture.

    name: the file's name without its suffix.
    person: who it shows, as far as the name says; else the name itself.
    image_rgb: uint8 (height, width, 3)
    """

    name: str
    person: str
    image_rgb: NDArray[np.uint8]


def read_picture(path: Path, *, side_min_px: int = SIDE_MIN_PX) -> NDArray[np.uint8] | str:
    """Read a picture file; grey, infrared (16 bits) and transparent ones become RGB as well.

    Returns:
        uint8 (height, width, 3), red first; or why it cannot be used.
    """
    try:
        if path.stat().st_size == 0:
            return "is empty (0 bytes)"
        with Image.open(path) as file:
            wide, high = file.size
            if wide * high > PIXELS_MAX:
                return f"is too large ({wide}x{high} pixels)"
            if min(wide, high) < side_min_px:
                return f"is too small ({wide}x{high} pixels; {side_min_px} or more on each side)"
            return _rgb(file)
    except (UnidentifiedImageError, Image.DecompressionBombError):
        return "is no picture that can be decoded"
    except (OSError, SyntaxError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"cannot be read: {reason or type(error).__name__}"


def reference_of(path: Path, image_rgb: NDArray[np.uint8]) -> Reference:
    """A reference from a file; the person is what stands before ``_c<camera>`` in Market-1501's names."""
    person, found, _ = path.stem.partition("_c")
    known = found and person.isdigit() and int(person) > 0
    return Reference(path.stem, person if known else path.stem, image_rgb)


def to_reid_input(image_rgb: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.float32]:
    """float32 (3, height, width) of -1 to 1, red first, for the ReID net; ``size_px`` is height and width."""
    return (_resized(image_rgb, size_px) - np.float32(0.5)) / np.float32(0.5)


def to_vae_input(image_rgb: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.float32]:
    """float32 (3, height, width) of -1 to 1, red first, for the VAE."""
    return np.float32(2) * _resized(image_rgb, size_px) - np.float32(1)


def to_pose_input(image_rgb: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.float32]:
    """float32 (3, height, width) of 0 to 1, *blue* first, as the published pose guider wants it."""
    return _resized(np.ascontiguousarray(image_rgb[:, :, ::-1]), size_px)


def canvas(
    reference_rgb: NDArray[np.uint8], drawn: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]
) -> NDArray[np.uint8]:
    """The reference, then each pose and its picture, side by side, 128 x 256 pixels each, as upstream has it.

    Args:
        reference_rgb: uint8 (height, width, 3)
        drawn: pose and picture, red first. Poses are shown in the colours the networks see them in.
    """
    row = [reference_rgb]
    for pose_rgb, picture_rgb in drawn:
        row += [np.ascontiguousarray(pose_rgb[:, :, ::-1]), picture_rgb]
    high, wide = CANVAS_PX
    return np.concatenate(
        [np.asarray(Image.fromarray(one).resize((wide, high), Image.Resampling.BICUBIC)) for one in row],
        axis=1,
    )


def save_picture(image_rgb: NDArray[np.uint8], path: Path) -> None:
    """Write a generated picture, labelled as such, so that nobody ever sees half of it under its name.

    Args:
        image_rgb: uint8 (height, width, 3)
        path: ``.png``, or ``.jpg`` / ``.jpeg``; its folder is made.

    Raises:
        RunError: it cannot be written; nothing is left behind.
    """
    picture = Image.fromarray(image_rgb)
    if path.suffix.lower() == ".png":
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Description", SYNTHETIC)
        notes.add_text("Software", "edge-reid")
        notes.add_itxt("XML:com.adobe.xmp", XMP)
        _replace(path, lambda file: picture.save(file, "PNG", pnginfo=notes))
        return
    exif = Image.Exif()
    exif[0x010E] = SYNTHETIC  # ImageDescription
    exif[0x0131] = "edge-reid"  # Software
    _replace(path, lambda file: picture.save(file, "JPEG", quality=95, exif=exif, xmp=XMP.encode()))


def save_plain(image_rgb: NDArray[np.uint8], path: Path) -> None:
    """Write a picture that shows nobody, e.g. a pose, as ``.png``.

    Raises:
        RunError: it cannot be written; nothing is left behind.
    """
    _replace(path, lambda file: Image.fromarray(image_rgb).save(file, "PNG"))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it under its name.

    Raises:
        RunError: it cannot be written; nothing is left behind.
    """
    _replace(path, lambda file: file.write_bytes(content))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        raise RunError(
            f"cannot write '{path}': {error.strerror or error}; free some space or give another folder"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _rgb(file: Image.Image) -> NDArray[np.uint8]:
    if file.mode.startswith("I") or file.mode == "F":  # 16 bits and more: to the range of 8
        levels = np.asarray(file, dtype=np.float64)
        low, high = float(levels.min()), float(levels.max())
        grey = ((levels - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    return np.array(file.convert("RGB"), dtype=np.uint8)


def _resized(image_rgb: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.float32]:
    high, wide = size_px
    resized = Image.fromarray(image_rgb).resize((wide, high), Image.Resampling.LANCZOS)
    return (np.asarray(resized, dtype=np.float32) / np.float32(255)).transpose(2, 0, 1)
