"""Names, shapes and types of the published networks' weights, so that files can be checked without the nets.

``manifests.json.gz`` is made by :func:`write_manifests` from the nets' own definitions; a test compares them.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge.nets.sizes import IpgSizes

__all__ = ["manifests_of", "published_manifests", "write_manifests"]

FILE = Path(__file__).with_name("manifests.json.gz")

# Name of a net -> name of an entry -> (shape, type).
Manifests = dict[str, dict[str, tuple[tuple[int, ...], str]]]


@cache
def published_manifests() -> Manifests:
    """Those of the published sizes; needs neither torch nor diffusers."""
    content = json.loads(gzip.decompress(FILE.read_bytes()))
    return {
        net: {key: (tuple(shape), dtype) for key, (shape, dtype) in entries.items()}
        for net, entries in content.items()
    }


def manifests_of(sizes: IpgSizes) -> Manifests:
    """Those of any sizes; the shipped ones where they are the published, else from nets without memory."""
    if sizes.is_published:
        return published_manifests()
    return _built_once(json.dumps(asdict(sizes), sort_keys=True), sizes)


def write_manifests(path: Path = FILE) -> None:
    """Write the file again, after a change of the nets' definitions."""
    from edge.nets.sizes import IpgSizes

    text = json.dumps(_built(IpgSizes()), separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


_kept: dict[str, Manifests] = {}


def _built_once(key: str, sizes: IpgSizes) -> Manifests:
    """Building takes a second; the last one is kept."""
    if key not in _kept:
        _kept.clear()
        _kept[key] = _built(sizes)
    return _kept[key]


def _built(sizes: IpgSizes) -> Manifests:
    import torch

    from edge.nets.ipg import build_nets

    with torch.device("meta"):
        nets = build_nets(sizes)
    named: Mapping[str, torch.nn.Module] = {
        "reid": nets.reid,
        "ifr": nets.ifr,
        "pose_guider": nets.pose_guider,
        "reference_unet": nets.reference_unet,
        "denoising_unet": nets.denoising_unet,
        "vae": nets.vae,
    }
    return {
        name: {
            key: (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
            for key, tensor in net.state_dict().items()
        }
        for name, net in named.items()
    }
