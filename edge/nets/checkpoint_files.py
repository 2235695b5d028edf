"""Writing a generator's networks: as the folder :mod:`edge.nets.checkpoints` reads, or as one small file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from edge.errors import OutputError
from edge.nets.checkpoints import NET_FILES
from edge.nets.sizes import CONFIG_FILE, VAE_FOLDERS

if TYPE_CHECKING:
    from edge.nets.ipg import IpgNets

__all__ = ["pack", "write_folder"]


def write_folder(nets: IpgNets, folder: Path) -> list[Path]:
    """Write all networks under their published names, and their sizes; nobody ever sees half a file.

    Returns:
        The files.

    Raises:
        OutputError: a file cannot be written.
    """
    places = {name: folder / f"{stem}.pth" for name, stem in NET_FILES.items()}
    places["vae"] = folder / VAE_FOLDERS[1] / "diffusion_pytorch_model.bin"
    for name, path in places.items():
        net: torch.nn.Module = getattr(nets, name)
        state = {key: tensor.detach().cpu().contiguous() for key, tensor in net.state_dict().items()}
        _write(path, partial(torch.save, state))
    text = json.dumps(asdict(nets.sizes), indent=1) + "\n"
    sizes = _write(folder / CONFIG_FILE, lambda file: file.write_text(text, encoding="utf-8"))
    return [*places.values(), sizes]


def pack(nets: IpgNets, file: Path) -> None:
    """Write all networks into one ``.safetensors`` file, in half precision.

    Raises:
        OutputError: it cannot be written.
    """
    from safetensors.torch import save_file

    together = {
        f"{name}.{key}": (tensor.half() if tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for name in (*NET_FILES, "vae")
        for key, tensor in getattr(nets, name).state_dict().items()
    }
    _write(file, lambda part: save_file(together, part))


def _write(path: Path, write: Callable[[Path], object]) -> Path:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch's writer turns the one into the other
        raise OutputError(f"cannot write '{path}': {error}; free some space or give another folder") from None
    finally:
        part.unlink(missing_ok=True)
    return path
