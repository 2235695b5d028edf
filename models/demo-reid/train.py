"""Trains ``demo-reid`` on drawn people: ``python models/demo-reid/train.py``.

Draws the crops (kept in --cache), trains, writes ``demo_reid.onnx`` into --out, and prints its scores on
held-out people as JSON. Run the same command again after an interruption.
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
    print_result,
    run_script,
    training_options,
)

if TYPE_CHECKING:
    from torch import Tensor

    from edge.site.training_batches import CropBatch

TRAIN_SEED, HELD_OUT_SEED = 10_000_000_000, 20_000_000_000  # of the first person
VIEWS_PER_BATCH = 4  # of each person
TRIPLET_WEIGHT = 1.0


def main() -> None:
    """Draw, train, export, score."""
    options = training_options(__doc__.splitlines()[0], out="out/demo-reid", minutes=40, batch=64)
    options.add_argument("--people", type=int, default=2500, help="people to train on; default: %(default)s")
    options.add_argument("--views", type=int, default=12, help="pictures of each; default: %(default)s")
    options.add_argument("--held-out", type=int, default=200, help="people to score on; default: %(default)s")
    given = options.parse_args()

    import torch
    from torch import nn

    from edge.cli.held_out import score_crops
    from edge.config.catalog import load_card
    from edge.nets.embedding_loss import CosineClassifier, batch_hard_loss
    from edge.nets.export import export_onnx
    from edge.nets.person_embedder import DIM, HEIGHT_PX, WIDTH_PX, PersonEmbedder
    from edge.nets.training import Pace, Training
    from edge.site.picture_store import draw_crops
    from edge.site.training_batches import CropBatches

    device = prepare_torch(given)
    workers = max(1, given.workers)
    with bars("drawing people") as show:
        crops = draw_crops(given.cache, TRAIN_SEED, given.people, given.views, workers=workers, drawn=show)
    recipe = (
        f"demo-reid, {given.people} people, {given.views} views, batches of {given.batch}, seed {given.seed}"
    )
    parts = nn.ModuleDict({"net": PersonEmbedder(), "classifier": CosineClassifier(DIM, given.people)})
    training = Training(
        parts, budget_of(given), given.out, recipe=recipe, pace=Pace(given.rate), device=device
    )
    late = {"right": 0.0, "triplet": 0.0}

    def loss_of(batch: CropBatch) -> Tensor:
        persons = torch.from_numpy(batch.persons).to(device)
        images = torch.from_numpy(batch.images_bgr_nchw).to(device, memory_format=torch.channels_last)
        vectors = training.parts["net"](images.float())
        naming, right = training.parts["classifier"](vectors, persons)
        triplet = batch_hard_loss(vectors, persons)
        for name, value in (("right", float(right)), ("triplet", float(triplet.detach()))):
            late[name] += 0.02 * (value - late[name])
        return naming + TRIPLET_WEIGHT * triplet

    people_per_batch = max(2, given.batch // VIEWS_PER_BATCH)
    batches = batches_from(
        CropBatches(crops, people_per_batch, min(VIEWS_PER_BATCH, given.views), given.seed),
        training.step,
        given.workers,
    )
    follow(training, batches, loss_of, lambda: f"right {late['right']:.3f}  triplet {late['triplet']:.3f}")
    file = given.out / "demo_reid.onnx"
    export_onnx(
        training.averaged["net"],
        file,
        input_name="images",
        output_name="embedding",
        height_px=HEIGHT_PX,
        width_px=WIDTH_PX,
    )
    with bars("drawing held-out people") as show:
        held_out = draw_crops(given.cache, HELD_OUT_SEED, given.held_out, 8, workers=workers, drawn=show)
    score = score_crops(file, load_card(Path(__file__).parent), held_out)
    print_result(file, training, score)


if __name__ == "__main__":
    run_script(main)
