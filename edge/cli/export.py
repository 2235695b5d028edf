"""Bodies of ``edge export`` and ``edge site calibration``."""

from __future__ import annotations

import json as jsonlib
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from edge.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from edge.backends import Batch
    from edge.config.card import ModelCard
    from edge.export.job import Order, Result

__all__ = ["Request", "draw_calibration", "export"]

UNET = "ipg"
CALIBRATION = Path("calib") / "int8"
FIRST_SEED = 30_000_000_000  # of people and scenes that are neither trained nor scored on
SCENES_FIRST_SEED = 30_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """The command line; None or False where an option was not given."""

    name: str
    to: str
    precision: str = "fp32"
    batch: str | None = None
    out: Path | None = None
    fold: bool = False
    fold_resize: str | None = None
    half_io: bool = False
    calibration: Path | None = None
    check: Path | None = None
    max_loss: float | None = None
    ckpt_dir: Path | None = None
    json: bool = False


def export(request: Request) -> int:
    """Export a network, check it, and say what it costs.

    Returns:
        0.

    Raises:
        ConfigError: an option is wrong, or does not fit the network.
        StartError: weights or packages are missing.
        ExportError: the export computes something else than its source, or loses too much.
    """
    from edge.config.weights import pull_folder

    if request.to not in ("onnx", "tensorrt"):
        raise ConfigError(f"must be onnx or tensorrt (got '{request.to}')", key="--to")
    _require_onnx()
    if request.to == "tensorrt":
        from edge.backends.table import why_not

        if reason := why_not("tensorrt"):
            raise MissingExtraError(reason)
    from edge.export.job import export as export_net
    from edge.export.job import export_unet, with_default_out

    order = _order(request)
    if request.name == UNET:
        order = order if request.out else with_default_out(order, pull_folder(), "ipg-unet")
        order = _as_onnx(order, request)
        result = export_unet(request.ckpt_dir or pull_folder(), order)
        card_name = "ipg"
    else:
        card, file = _weights(request)
        order = order if request.out else with_default_out(order, pull_folder(), card.name)
        order = _as_onnx(order, request)
        order = _with_pictures(order, request, card)
        result = export_net(card, file, order, _say)
        card_name = card.name
    engine = _engine(result.file, card_name, order.batch, request) if request.to == "tensorrt" else None
    _report(result, request, engine)
    return 0


def draw_calibration(out: Path, crops: int, scenes: int, json: bool = False) -> int:
    """Draw pictures that decide the ranges of INT8 networks.

    Args:
        out: the folder; ``crops/`` and ``scenes/`` in it.
        crops: how many crops, each of another person.
        scenes: how many scenes.
        json: print one JSON object instead of a line.

    Returns:
        0.

    Raises:
        OutputError: the folder cannot be written.
    """
    import cv2

    from edge.cli.progress import progress_bars
    from edge.errors import OutputError
    from edge.site.samples import random_crop, random_scene

    with progress_bars() as progress_of:
        jobs = (("crops", crops, FIRST_SEED), ("scenes", scenes, SCENES_FIRST_SEED))
        for kind, count, seed in jobs:
            show = progress_of(kind) if count else None
            for number in range(count):
                if kind == "crops":
                    image = random_crop(seed + number, 0)
                else:
                    image = random_scene(seed + number).image_bgr_hwc
                path = out / kind / f"{number:05d}.png"
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
                except OSError as error:
                    raise OutputError(f"cannot write '{path}': {error.strerror or error}") from None
                if show is not None:
                    show(number + 1, count)
    if json:
        print(jsonlib.dumps({"folder": str(out), "crops": crops, "scenes": scenes}))
    else:
        print(f"{out}: {crops} crops, {scenes} scenes")
    return 0


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtraError(
            "edge export needs the package 'onnx'; pip install 'edge-reid[export]'"
        ) from None


def _order(request: Request) -> Order:
    from edge.export.job import Order, Precision

    precisions = get_args(Precision)
    if request.precision not in precisions:
        raise ConfigError(
            f"must be one of {', '.join(precisions)} (got '{request.precision}')", key="--precision"
        )
    if request.half_io and request.precision != "fp16":
        raise ConfigError("is for --precision fp16", key="--half-io")
    if request.max_loss is not None and not 0 <= request.max_loss <= 100:
        raise ConfigError(f"must be 0 to 100 points (got {request.max_loss:g})", key="--max-loss")
    return Order(
        out=request.out or Path(),
        precision=cast("Precision", request.precision),
        batch=_batch(request.batch),
        fold=request.fold,
        fold_resize_px=_size(request.fold_resize),
        half_io=request.half_io,
    )


def _batch(text: str | None) -> Batch | None:
    from edge.backends import Batch

    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts) or len(parts) not in (
        1,
        3,
    ):
        raise ConfigError(f"must be MIN,OPT,MAX like 1,8,32, or one number (got '{text}')", key="--batch")
    numbers = [int(part) for part in parts] * (3 if len(parts) == 1 else 1)
    try:
        return Batch(*numbers)
    except ConfigError as error:
        raise ConfigError(error.message, key="--batch") from None


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts):
        raise ConfigError(f"must be a width and a height like 128x256 (got '{text}')", key="--fold-resize")
    width, height = map(int, parts)
    if min(width, height) < 1:
        raise ConfigError(f"must be 1 or more (got '{text}')", key="--fold-resize")
    return width, height


def _weights(request: Request) -> tuple[ModelCard, Path]:
    """The card and its file; of a torch network also from a folder of weights."""
    from edge.config.catalog import load_card
    from edge.config.weights import find_weights, verify
    from edge.errors import ModelError

    card = load_card(request.name)
    if request.ckpt_dir is None:
        return card, find_weights(card)
    if card.file.endswith(".onnx"):
        raise ConfigError(f"is for torch networks; '{card.name}' is the file {card.file}", key="--ckpt-dir")
    file = request.ckpt_dir / card.file
    if not file.is_file():
        raise ModelError(f"model '{card.name}': '{request.ckpt_dir}' holds no {card.file}")
    return card, verify(card, file)


def _as_onnx(order: Order, request: Request) -> Order:
    """For TensorRT, ``--out`` names the engine, and the graph goes beside it."""
    from dataclasses import replace

    if request.to == "tensorrt" and order.out.suffix != ".onnx":
        return replace(order, out=order.out.with_suffix(".onnx"))
    if order.out.suffix != ".onnx":
        raise ConfigError(f"must end in .onnx (got '{order.out.name}')", key="--out")
    return order


def _with_pictures(order: Order, request: Request, card: ModelCard) -> Order:
    """The folders that INT8 needs, and what is lost is measured on."""
    from dataclasses import replace

    from edge.export.calibration import calibration_pictures

    if request.precision != "int8" and request.calibration is not None:
        raise ConfigError("is for --precision int8", key="--calibration")
    if request.check is not None and card.task != "embed":
        raise ConfigError("scores a ReID network; a detector is compared with its source", key="--check")
    check = request.check
    calibration = request.calibration
    if request.precision == "int8":
        calibration = calibration or CALIBRATION
        calibration_pictures(calibration, card, 1)  # before a site is rendered for the check
        if card.task == "embed" and check is None:
            from edge.cli.cached_site import cached_site

            check = cached_site("demo", 0, _say) / "crops"
    points = request.max_loss
    if points is None:
        points = 1.0 if card.task == "embed" else 5.0
    return replace(order, calibration=calibration, check=check, max_loss_points=points)


def _engine(graph: Path, name: str, batch: Batch | None, request: Request) -> Path:
    """Build the engine into the cache, and copy it where it was asked for."""
    import shutil

    from edge.backends import open_session
    from edge.errors import OutputError

    session = open_session(graph, backend="tensorrt", card_name=name, batch=batch)
    try:
        kept: Path | None = getattr(session, "engine_file", None)
    finally:
        session.close()
    if kept is None:
        raise MissingExtraError(
            "the engine was built, but there is no folder to keep it; name one in EDGE_CACHE"
        )
    if request.out is None or request.out.suffix == ".onnx":
        return kept
    try:
        shutil.copyfile(kept, request.out)
    except OSError as error:
        raise OutputError(f"cannot write '{request.out}': {error.strerror or error}") from None
    return request.out


def _report(result: Result, request: Request, engine: Path | None) -> None:
    if request.json:
        content = {
            "file": str(result.file),
            "card": None if result.card is None else str(result.card),
            "engine": None if engine is None else str(engine),
            "bytes": result.bytes,
            "size_ratio": round(result.size_ratio, 4),
            "operators": result.operators,
            "parity": None if result.parity is None else asdict(result.parity),
            "rewritten": None if result.rewritten is None else _finite(asdict(result.rewritten)),
            "cost": None
            if result.cost is None
            else asdict(result.cost) | {"loss_points": round(result.cost.loss_points, 3)},
            "ms_source": None if result.ms is None else round(result.ms[0], 3),
            "ms_export": None if result.ms is None else round(result.ms[1], 3),
        }
        print(jsonlib.dumps(content, indent=2))
        return
    print(f"{result.file}: {result.bytes} bytes, {result.size_ratio:.2f} of its source's")
    for what, parity in (("source", result.parity), ("float32 graph", result.rewritten)):
        if parity is not None:
            print(
                f"against its {what}: largest error {parity.max_abs:.3g}, {parity.max_rel:.2g} of the "
                f"output's range (allowed {parity.tolerance:.2g})"
            )
    if result.cost is not None:
        cost = result.cost
        print(
            f"{cost.metric}: {cost.before:.4f} before, {cost.after:.4f} after, {cost.loss_points:+.2f} "
            f"points lost on {cost.pictures} pictures"
        )
    if result.ms is not None:
        print(f"one row on one CPU thread: {result.ms[0]:.2f} ms before, {result.ms[1]:.2f} ms after")
    if result.card is not None:
        print(f"use it as model: {result.card}")
    if engine is not None:
        print(f"engine: {engine}")


def _finite(parity: dict[str, object]) -> dict[str, object]:
    """JSON has no infinity: INT8's numbers are bounded by its accuracy, not by their error."""
    return parity | {"tolerance": None} if parity["tolerance"] == float("inf") else parity


def _say(line: str) -> None:
    print(line, file=sys.stderr)
