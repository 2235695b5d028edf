"""Trains ``demo-detector`` on drawn scenes and sites: ``python models/demo-detector/train.py``.

Draws the pictures (kept in --cache), trains, writes ``demo_detector.onnx`` into --out, and prints its scores
on held-out scenes as JSON. Run the same command again after an interruption.
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

    from edge.site.training_batches import SceneBatch

TRAIN_SEED, HELD_OUT_SEED = 10_000_000, 20_000_000  # of the first scene
VIEWS_SHARE = 0.5  # of all scenes that are laid down: those of the preset sites
# Until which share of the run pictures are changed how much: at last they look as the network will see them.
PHASES = ((0.7, 0.8), (1.0, 0.35))


def main() -> None:
    """Draw, train, export, score."""
    options = training_options(__doc__.splitlines()[0], out="out/demo-detector", minutes=60, batch=8)
    options.add_argument("--scenes", type=int, default=3000, help="scenes to train on; default: %(default)s")
    options.add_argument(
        "--views", type=int, default=2400, help="the same of the preset sites; default: %(default)s"
    )
    options.add_argument("--start", type=Path, help="checkpoint of an earlier run to begin with")
    options.add_argument("--held-out", type=int, default=300, help="scenes to score on; default: %(default)s")
    given = options.parse_args()

    import torch

    from edge.cli.held_out import score_scenes
    from edge.config.catalog import load_card
    from edge.nets.detection_loss import Truth, detection_loss
    from edge.nets.export import export_onnx
    from edge.nets.person_detector import HEIGHT_PX, WIDTH_PX, DecodedDetector, PersonDetector, grid_cells
    from edge.nets.training import Pace, Training
    from edge.site.picture_store import draw_scenes, draw_site_views
    from edge.site.training_batches import SceneBatches

    device = prepare_torch(given)
    with bars("drawing scenes") as show:
        scenes = draw_scenes(given.cache, TRAIN_SEED, given.scenes, workers=max(1, given.workers), drawn=show)
    with bars("drawing sites") as show:
        views = draw_site_views(given.cache, 0, given.views, workers=max(1, given.workers), drawn=show)
    recipe = (
        f"demo-detector, {given.scenes} scenes, {given.views} views of sites, batches of {given.batch}, "
        f"seed {given.seed}"
    )
    training = Training(
        PersonDetector(),
        budget_of(given),
        given.out,
        recipe=recipe,
        pace=Pace(given.rate),
        device=device,
        start=given.start,
    )
    middles, strides = (cells.to(device) for cells in grid_cells(WIDTH_PX, HEIGHT_PX))
    parts = {"score": 0.0, "box": 0.0}

    def loss_of(batch: SceneBatch) -> Tensor:
        truth = Truth(
            *(torch.from_numpy(array).to(device) for array in (batch.boxes_px, batch.counts, batch.ignored))
        )
        images = torch.from_numpy(batch.images_bgr_nchw).to(device, memory_format=torch.channels_last)
        raw = training.parts(images.float())
        loss = detection_loss(raw, truth, middles, strides)
        for name, value in (("score", loss.score), ("box", loss.box)):
            parts[name] += 0.02 * (value - parts[name])
        return loss.total

    def notes() -> str:
        return f"score {parts['score']:.3f}  box {parts['box']:.3f}"

    for until, strength in PHASES:
        if training.progress < until:
            scenes_changed = SceneBatches(
                scenes, given.batch, given.seed, (WIDTH_PX, HEIGHT_PX), strength, views, VIEWS_SHARE
            )
            batches = batches_from(scenes_changed, training.step, given.workers)
            follow(training, batches, loss_of, notes, until)
    file = given.out / "demo_detector.onnx"
    export_onnx(
        DecodedDetector(training.averaged),
        file,
        input_name="images",
        output_name="dets",
        height_px=HEIGHT_PX,
        width_px=WIDTH_PX,
    )
    with bars("drawing held-out scenes") as show:
        held_out = draw_scenes(
            given.cache, HELD_OUT_SEED, given.held_out, workers=max(1, given.workers), drawn=show
        )
    score = score_scenes(file, load_card(Path(__file__).parent), held_out)
    print_result(file, training, score)


if __name__ == "__main__":
    run_script(main)
