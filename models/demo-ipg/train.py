"""Trains ``demo-ipg`` on drawn people: ``python models/demo-ipg/train.py``.

Draws people as cameras see them and portraits of them (kept in --cache), trains the autoencoder and the small
ReID network that steers the generator, and writes both into --out/parts. The generator itself is then trained
by ``edge train ipg``, and ``--pack`` writes everything into one file; README.md has the three commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.training import (
    bars,
    batches_from,
    budget_of,
    follow,
    prepare_torch,
    run_script,
    training_options,
)

if TYPE_CHECKING:
    import argparse

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

TRAIN_SEED = 10_000_000_000  # of the first person, as for demo-reid
VIEWS = 8


def main() -> None:
    """Train the two parts."""
    options = training_options(__doc__.splitlines()[0], out="out/demo-ipg", minutes=12, batch=16)
    options.add_argument("--people", type=int, default=2000, help="people to train on; default: %(default)s")
    given = options.parse_args()
    device = prepare_torch(given)

    import numpy as np
    import torch
    from torch import nn

    from edge.config.catalog import load_card
    from edge.config.weights import find_weights
    from edge.ipg.pictures import to_vae_input
    from edge.nets.codec_loss import codec_loss, standardize_latents
    from edge.nets.sizes import read_sizes
    from edge.nets.steering_loss import SteeringHead, steering_loss
    from edge.nets.training import Budget, Pace, Training
    from edge.nets.transreid import TransReID
    from edge.nets.vae import build_vae
    from edge.site.picture_store import draw_crops, draw_portraits

    sizes = read_sizes(Path(__file__).parent)
    with bars("drawing portraits") as show:
        portraits = draw_portraits(given.cache, TRAIN_SEED, given.people, VIEWS, workers=given.workers, drawn=show)
    with bars("drawing people") as show:
        crops = draw_crops(given.cache, TRAIN_SEED, given.people, VIEWS, workers=given.workers, drawn=show)
    both = np.concatenate(
        [one.images_bgr_pvhwc.reshape(-1, *one.images_bgr_pvhwc.shape[2:]) for one in (portraits, crops)]
    )
    small = _shrunk(given.cache / f"small-{TRAIN_SEED}-{given.people}.npy", both, sizes.picture_px)

    def pictures(rows: NDArray[np.int64]) -> Tensor:
        return (torch.from_numpy(small[rows]).to(device).float() / 127.5 - 1).permute(0, 3, 1, 2)

    def draw(step: int, count: int, salt: int) -> NDArray[np.int64]:
        return np.random.default_rng((given.seed, salt, step)).integers(0, len(small), count)

    recipe = f"demo-ipg, {given.people} people, batches of {given.batch}, seed {given.seed}"
    parts: nn.ModuleDict = nn.ModuleDict({"vae": build_vae(sizes.vae)})
    codec = Training(parts, budget_of(given), given.out / "codec", recipe=recipe, pace=Pace(given.rate), device=device)
    rows = (draw(step, given.batch, 1) for step in _count(codec.step))
    follow(codec, rows, lambda rows: codec_loss(codec.parts["vae"], pictures(rows)), lambda: "codec")
    vae = codec.averaged["vae"]
    every = np.arange(0, len(small) // 2, 8)  # of the portraits, which are what is generated
    standardize_latents(vae, (pictures(every[at : at + 64]) for at in range(0, len(every), 64)))
    _save(vae, given.out / "parts" / "vae" / "diffusion_pytorch_model.safetensors")

    card = load_card("demo-reid")
    known = torch.from_numpy(_known(given.cache, both, find_weights(card), card)).to(device)
    reid = TransReID(sizes.reid)
    nn.init.trunc_normal_(reid.base.cls_token, std=0.02)
    nn.init.trunc_normal_(reid.base.pos_embed, std=0.02)
    parts = nn.ModuleDict({"reid": reid, "head": SteeringHead(sizes.reid.dim, known.shape[1])})
    budget = budget_of(given)
    budget = Budget(budget.steps, budget.minutes and budget.minutes / 2)
    steering = Training(
        parts, budget, given.out / "steering", recipe=recipe, pace=Pace(given.rate / 2), device=device
    )

    def steer(rows: NDArray[np.int64]) -> Tensor:
        return steering_loss(steering.parts["reid"](pictures(rows)), known[rows], steering.parts["head"])

    rows = (draw(step, 8 * given.batch, 2) for step in _count(steering.step))
    follow(steering, rows, steer, lambda: "steering")
    _save(steering.averaged["reid"], given.out / "parts" / "transformer_20.safetensors")


def _count(start: int):
    from itertools import count

    return count(start)


def _shrunk(file: Path, images_bgr: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image

    if file.is_file():
        return np.load(file)
    high, wide = size_px
    small = np.stack(
        [
            np.asarray(Image.fromarray(one[:, :, ::-1].copy()).resize((wide, high), Image.Resampling.LANCZOS))
            for one in images_bgr
        ]
    )
    np.save(file, small)
    return small


def _known(folder: Path, images_bgr: NDArray[np.uint8], weights: Path, card) -> NDArray[np.float32]:
    import numpy as np

    from edge.cli.held_out import describe_crops

    file = folder / f"known-{len(images_bgr)}-{card.sha256[:12]}.npy"
    if not file.is_file():
        np.save(file, np.concatenate([describe_crops(weights, card, list(images_bgr[at : at + 256])) for at in range(0, len(images_bgr), 256)]))
    return np.load(file)


def _save(net: nn.Module, file: Path) -> None:
    from safetensors.torch import save_file

    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, file)


if __name__ == "__main__":
    run_script(main)
