"""PNG files that say of themselves whether a camera took them or a network drew them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["SYNTHETIC", "XMP", "decode_png", "encode_png", "encode_synthetic", "notes_of"]

# Said in every generated file, in words and in the IPTC's vocabulary (digitalsourcetype).
SYNTHETIC = "Synthetic picture: drawn by a generative model (edge-reid IPG), not a photograph."
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{_SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
_XMP_KEY = "XML:com.adobe.xmp"

_HEADER_BYTES = 8 + 25  # the signature, and IHDR, which comes first


def encode_synthetic(image_bgr_hwc: NDArray[np.uint8], comment: str = "") -> bytes:
    """A generated picture as PNG, labelled: ``Description``, ``Software``, and XMP as the IPTC wants it.

    Args:
        image_bgr_hwc: uint8 (h, w, 3), blue first.
        comment: what else the file says, e.g. its pose.
    """
    notes = {"Description": SYNTHETIC, "Software": "edge-reid", _XMP_KEY: XMP}
    return encode_png(image_bgr_hwc, notes | ({"Comment": comment} if comment else {}))


def encode_png(image_bgr_hwc: NDArray[np.uint8], notes: Mapping[str, str] | None = None) -> bytes:
    """A picture as PNG, with these keys and texts in it.

    Args:
        image_bgr_hwc: uint8 (h, w, 3), blue first.
        notes: Latin keys of at most 79 characters, and any text.
    """
    import cv2

    done, buffer = cv2.imencode(".png", image_bgr_hwc)
    if not done:
        raise ValueError(f"no picture: {image_bgr_hwc.shape}")
    plain = buffer.tobytes()
    texts = b"".join(_text_chunk(key, text) for key, text in (notes or {}).items())
    return plain[:_HEADER_BYTES] + texts + plain[_HEADER_BYTES:]


def decode_png(png: bytes) -> NDArray[np.uint8]:
    """uint8 (h, w, 3), blue first."""
    import cv2

    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("no picture")
    return np.asarray(image, dtype=np.uint8)


def notes_of(png: bytes) -> dict[str, str]:
    """The texts in a PNG file that :func:`encode_png` wrote."""
    notes = {}
    place = 8
    while place + 8 <= len(png):
        size = int.from_bytes(png[place : place + 4], "big")
        kind, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        if kind == b"tEXt":
            key, _, text = content.partition(b"\0")
            notes[key.decode("latin-1")] = text.decode("latin-1")
        elif kind == b"iTXt":
            key, _, rest = content.partition(b"\0")
            notes[key.decode("latin-1")] = rest[4:].decode()  # not compressed; no language, no translated key
        place += size + 12
    return notes


def _text_chunk(key: str, text: str) -> bytes:
    """Plain ``tEXt``, which every viewer shows, where Latin letters are enough; else ``iTXt``."""
    name = key.encode("latin-1")
    if key != _XMP_KEY and text.isascii():
        kind, content = b"tEXt", name + b"\0" + text.encode("latin-1")
    else:
        kind, content = b"iTXt", name + b"\0\0\0\0\0" + text.encode()
    check = zlib.crc32(kind + content)
    return len(content).to_bytes(4, "big") + kind + content + check.to_bytes(4, "big")
