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
from typing import TYPE_CHECKING, NamedTuple

from edge.cli.training import bars, budget_of, follow, prepare_torch, run_script, training_options

if TYPE_CHECKING:
    import argparse

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from edge.nets.sizes import IpgSizes
    from edge.nets.training import Training

TRAIN_SEED = 10_000_000_000  # of the first person, as for demo-reid
CROPS = 3  # of a person in a batch, beside a portrait
LOOKS_WEIGHT = 2.0
HERE = Path(__file__).parent


def main() -> None:
    """Make the two parts, or pack."""
    options = training_options(__doc__.splitlines()[0], out="out/demo-ipg", minutes=36, batch=160)
    options.set_defaults(rate=3e-3)
    options.add_argument("--people", type=int, default=6000, help="people to train on; default: %(default)s")
    options.add_argument(
        "--views", type=int, default=8, help="crops and portraits of each; default: %(default)s"
    )
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
            given.cache, TRAIN_SEED, given.people, given.views, workers=given.workers, drawn=show
        )
    with bars("drawing people") as show:
        crops = draw_crops(
            given.cache, TRAIN_SEED, given.people, given.views, workers=given.workers, drawn=show
        )
    both = np.stack([portraits.images_bgr_pvhwc, crops.images_bgr_pvhwc])
    sizes = read_sizes(HERE)
    start = given.out / "start"
    (start / "vae").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "ipg.json", start / "ipg.json")
    _write_codec(device, sizes, both, start / "vae" / "diffusion_pytorch_model.safetensors")
    _train_steering(given, device, sizes, both, start / "transformer_20.safetensors")


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
    """Who somebody is, and what they look like in plain light."""
    import torch
    from torch import nn

    from edge.nets.steering_loss import LooksHead, contrastive_loss
    from edge.nets.transreid import TransReID

    portraits, crops = (_shrunk(one, sizes.reid.picture_px, device) for one in both)
    drawn = _shrunk(both[0], sizes.picture_px, device)  # what the generator will be able to show of them
    views = (given.people, both.shape[2])
    portraits, crops, drawn = (one.unflatten(0, views) for one in (portraits, crops, drawn))
    reid = TransReID(sizes.reid)
    nn.init.trunc_normal_(reid.base.cls_token, std=0.02)
    nn.init.trunc_normal_(reid.base.pos_embed, std=0.02)
    head = LooksHead(sizes.reid.dim, drawn.float().mean(dim=1).flatten(1))
    training = _training(given, device, {"reid": reid, "head": head})

    def loss_of(batch: _Rows) -> Tensor:
        shown = portraits[batch.people, batch.portraits]
        if batch.blurred:  # as generated pictures are, which this network judges too
            small = _scaled(drawn[batch.people, batch.portraits])
            shown = _pictures(nn.functional.interpolate(small, sizes.reid.picture_px, mode="bicubic"))
        seen = crops[batch.people[:, None], batch.views].flatten(0, 1)
        pictures = _scaled(torch.cat([seen, shown]))
        persons = torch.cat([batch.people.repeat_interleave(batch.views.shape[1]), batch.people])
        features = training.parts["reid"](pictures.flip(3) if batch.flipped else pictures)
        looks: Tensor = training.parts["head"](features, persons)
        return contrastive_loss(features, persons) + LOOKS_WEIGHT * looks

    batches = (_rows(given, views, step, device) for step in count(training.step))
    follow(training, batches, loss_of, lambda: "steering")
    _save(training.averaged["reid"], file)


class _Rows(NamedTuple):
    """What a batch shows: of each person (p,) some crops (p, v) and a portrait (p,), by number."""

    people: Tensor
    views: Tensor
    portraits: Tensor
    blurred: bool
    flipped: bool


def _rows(given: argparse.Namespace, views: tuple[int, int], step: int, device: str) -> _Rows:
    import numpy as np
    import torch

    rng = np.random.default_rng((given.seed, step))
    people = rng.choice(views[0], min(given.batch // (CROPS + 1), views[0]), replace=False)
    seen = rng.permuted(np.tile(np.arange(views[1]), (len(people), 1)), axis=1)[:, :CROPS]
    numbers = (people, seen, rng.integers(0, views[1], len(people)))
    return _Rows(
        *(torch.from_numpy(one).to(device) for one in numbers),
        blurred=step % 2 == 0,
        flipped=bool(rng.random() < 0.5),
    )


def _training(given: argparse.Namespace, device: str, parts: dict[str, nn.Module]) -> Training:
    from torch import nn

    from edge.nets.training import Pace, Training

    recipe = f"demo-ipg steering, {given.people} people, batches of {given.batch}, seed {given.seed}"
    pace = Pace(given.rate, decay=0.05, average=0.998)
    return Training(
        nn.ModuleDict(parts),
        budget_of(given),
        given.out / "steering",
        recipe=recipe,
        pace=pace,
        device=device,
    )


def _shrunk(images_bgr: NDArray[np.uint8], size_px: tuple[int, int], device: str) -> Tensor:
    """uint8 (n, height, width, 3), red first."""
    import numpy as np
    import torch
    from PIL import Image

    high, wide = size_px
    flat = images_bgr.reshape(-1, *images_bgr.shape[-3:])
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


def _pictures(scaled: Tensor) -> Tensor:
    return ((scaled + 1) * 127.5).clamp(0, 255).permute(0, 2, 3, 1).byte()


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
