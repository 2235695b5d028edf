"""Trains what ``demo-ipg`` needs beside its generator, on drawn people: ``python models/demo-ipg/train.py``.

Draws people as cameras see them and portraits of them (kept in --cache), makes the autoencoder, trains the
small ReID network that steers the generator, and writes both into --out/start, from where ``edge train ipg``
goes on. ``--pack DIR`` writes all networks of a folder into one file instead. README.md has the commands.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.training import bars, budget_of, follow, prepare_torch, run_script, training_options

if TYPE_CHECKING:
    import argparse

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from edge.nets.sizes import IpgSizes

TRAIN_SEED = 10_000_000_000  # of the first person, as for demo-reid
VIEWS = 4  # crops and portraits of each person
STEERING_PEOPLE = 600  # of whom demo-reid is asked
HERE = Path(__file__).parent


def main() -> None:
    """Make the two parts, or pack."""
    options = training_options(__doc__.splitlines()[0], out="out/demo-ipg", minutes=10, batch=32)
    options.add_argument("--people", type=int, default=2000, help="people to train on; default: %(default)s")
    options.add_argument(
        "--pack", type=Path, metavar="DIR", help="write DIR's networks into --out/ipg.safetensors"
    )
    given = options.parse_args()
    if given.pack is not None:
        _pack(given.pack, given.out / "ipg.safetensors")
        return
    device = prepare_torch(given)

    import numpy as np

    from edge.nets.sizes import read_sizes
    from edge.site.picture_store import draw_crops, draw_portraits

    with bars("drawing portraits") as show:
        portraits = draw_portraits(
            given.cache, TRAIN_SEED, given.people, VIEWS, workers=given.workers, drawn=show
        )
    with bars("drawing people") as show:
        crops = draw_crops(given.cache, TRAIN_SEED, given.people, VIEWS, workers=given.workers, drawn=show)
    both = np.stack([portraits.images_bgr_pvhwc, crops.images_bgr_pvhwc])
    sizes = read_sizes(HERE)
    start = given.out / "start"
    (start / "vae").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "ipg.json", start / "ipg.json")
    _write_codec(device, sizes, both, start / "vae" / "diffusion_pytorch_model.safetensors")
    _train_steering(given, device, sizes, both[:, :STEERING_PEOPLE], start / "transformer_20.safetensors")


def _write_codec(device: str, sizes: IpgSizes, both: NDArray[np.uint8], file: Path) -> None:
    """Between pictures and latents: nothing to learn, only their scale."""
    from edge.nets.exact_codec import make_exact, standardize_latents
    from edge.nets.vae import build_vae

    small = _shrunk(both[:, :, :1], sizes.picture_px, device)
    vae = build_vae(sizes.vae).eval()
    make_exact(vae)
    portraits = small[: len(small) // 2]  # they are what is generated
    standardize_latents(vae, (_scaled(part) for part in portraits.split(256)))
    _save(vae, file)


def _train_steering(
    given: argparse.Namespace, device: str, sizes: IpgSizes, both: NDArray[np.uint8], file: Path
) -> None:
    """Who somebody is, as demo-reid sees it."""
    import torch
    from torch import nn

    from edge.cli.held_out import describe_crops
    from edge.config.catalog import load_card
    from edge.config.weights import find_weights
    from edge.nets.steering_loss import SteeringHead, steering_loss
    from edge.nets.transreid import TransReID

    card = load_card("demo-reid")
    weights = find_weights(card)
    flat = both.reshape(-1, *both.shape[3:])
    known = torch.cat(
        [
            torch.from_numpy(describe_crops(weights, card, list(flat[at : at + 256])))
            for at in range(0, len(flat), 256)
        ]
    ).to(device)
    small = _shrunk(both, sizes.reid.picture_px, device)
    reid = TransReID(sizes.reid)
    nn.init.trunc_normal_(reid.base.cls_token, std=0.02)
    nn.init.trunc_normal_(reid.base.pos_embed, std=0.02)
    head = SteeringHead(sizes.reid.dim, known.shape[1])
    training = _training(given, device, "steering", {"reid": reid, "head": head})

    def loss_of(rows: Tensor) -> Tensor:
        return steering_loss(
            training.parts["reid"](_scaled(small[rows])), known[rows], training.parts["head"]
        )

    rows = (_rows(given, 2, step, 2 * given.batch, len(small)) for step in count(training.step))
    follow(training, rows, loss_of, lambda: "steering")
    _save(training.averaged["reid"], file)


def _training(given: argparse.Namespace, device: str, name: str, parts: dict[str, nn.Module]):
    from torch import nn

    from edge.nets.training import Pace, Training

    recipe = f"demo-ipg {name}, {given.people} people, batches of {given.batch}, seed {given.seed}"
    pace = Pace(given.rate / 2, warm_steps=30, average=0.99)
    return Training(
        nn.ModuleDict(parts), budget_of(given), given.out / name, recipe=recipe, pace=pace, device=device
    )


def _rows(given: argparse.Namespace, salt: int, step: int, size: int, of: int) -> Tensor:
    import numpy as np
    import torch

    return torch.from_numpy(np.random.default_rng((given.seed, salt, step)).integers(0, of, size))


def _shrunk(images_bgr: NDArray[np.uint8], size_px: tuple[int, int], device: str) -> Tensor:
    """uint8 (n, height, width, 3), red first, portraits first."""
    import numpy as np
    import torch
    from PIL import Image

    high, wide = size_px
    flat = images_bgr.reshape(-1, *images_bgr.shape[3:])
    small = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(one[:, :, ::-1])).resize(
                (wide, high), Image.Resampling.LANCZOS
            )
        )
        for one in flat
    ]
    return torch.from_numpy(np.stack(small)).to(device)


def _scaled(pictures: Tensor) -> Tensor:
    return (pictures.float() / 127.5 - 1).permute(0, 3, 1, 2)


def _save(net: nn.Module, file: Path) -> None:
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, file)


def _pack(folder: Path, file: Path) -> None:
    """Write one file, and print what its card needs."""
    from edge.nets.checkpoint_files import pack
    from edge.nets.checkpoints import load_nets

    pack(load_nets(folder), file)
    content = file.read_bytes()
    told = {"file": str(file), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    run_script(main)
