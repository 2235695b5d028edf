"""One export from beginning to end: read, rewrite, check, measure, and write only if all is well."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from edge.backends import Batch, open_session
from edge.backends.pictures import InputBatch
from edge.config.card import CardInput, ModelCard
from edge.errors import ConfigError, ExportError
from edge.export.calibration import calibration_batches, calibration_pictures
from edge.export.derived_card import derive_card, write_card
from edge.export.graphs import fix_batch, operators, read_graph, write_graph
from edge.export.parity import TOLERANCE, Parity, compare, compare_files
from edge.export.sources import Source, from_onnx, from_transreid, from_unet, random_input

if TYPE_CHECKING:
    import onnx

    from edge.export.accuracy import Cost

__all__ = ["Order", "Precision", "Result", "export", "export_unet"]

Array = NDArray[np.generic]
Precision = Literal["fp32", "fp16", "int8"]
Say = Callable[[str], None]

CALIBRATION_MOST = 128
RESIZED_TOLERANCE = 0.1  # OpenCV's fixed-point resize and the graph's differ by a grey level
TIMED_RUNS = 30


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made.

    out: the file.
    precision: of the computation.
    batch: MIN, OPT, MAX of the profile; all equal: the batch is fixed.
    fold: colour and scale into the graph; ``fold_resize_px`` also the resize, from pictures of that size.
    half_io: float16 inputs and outputs too.
    calibration: folder of pictures for INT8.
    check: folder in Market-1501's layout on which a ReID network's loss is measured; None: not measured.
    max_loss_points: largest loss, in points of a hundred.
    """

    out: Path
    precision: Precision = "fp32"
    batch: Batch | None = None
    fold: bool = False
    fold_resize_px: tuple[int, int] | None = None
    half_io: bool = False
    calibration: Path | None = None
    check: Path | None = None
    max_loss_points: float = 1.0

    @property
    def tag(self) -> str:
        """What is done, as part of a name."""
        parts = [self.precision, "folded" if self.fold or self.fold_resize_px else ""]
        parts.append(f"b{self.batch.max}" if self.batch is not None and self.batch.fixed else "")
        return "-".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What was made, and what is known of it.

    parity: of the float32 graph against its source; None where that is the very file.
    rewritten: of the written graph against the float32 one; None where nothing was rewritten.
    cost: loss of accuracy; None where it was not measured.
    size_ratio: bytes, in relation to the source's.
    ms: median milliseconds of one row on the CPU, of the source's float32 graph and of the export, in turns.
    """

    file: Path
    card: Path | None
    bytes: int
    size_ratio: float
    operators: dict[str, int]
    parity: Parity | None
    rewritten: Parity | None
    cost: Cost | None
    ms: tuple[float, float] | None


def export(card: ModelCard, file: Path, order: Order, say: Say) -> Result:
    """Export a detector or a ReID network.

    Args:
        card: of the network.
        file: its weights, ONNX or (TransReID) torch.
        order: what is to be made.
        say: is told what is going on, a line each.

    Raises:
        ConfigError: the order does not fit the network; or a folder of pictures is wrong.
        ModelError: the weights cannot be read.
        ExportError: the export computes something else, or loses too much.
        OutputError: the file cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="edge-export-") as name:
        scratch = Path(name)
        if file.suffix == ".onnx":
            source = from_onnx(card, file, scratch)
        else:
            source = from_transreid(card, file, scratch)
            card = _with_sizes(card, source)
        base = scratch / "base.onnx"
        base_bytes = write_graph(source.model, base)
        fixed = order.batch.max if order.batch is not None and order.batch.fixed else None
        free = scratch / order.out.name
        wholes = (False, True) if order.precision == "int8" and card.task == "embed" else (True,)
        for only_weighted in wholes:
            model, given = _rewrite(source.model, card, order, only_weighted, say)
            write_graph(model, free)
            rewritten = _rewritten(base, free, card, given, order)
            exported = card.model_copy(update={"input": given, "batch": None})
            cost = _cost((card.model_copy(update={"batch": None}), base), (exported, free), order, say)
            if cost is None or cost.loss_points <= order.max_loss_points:
                break
            say(
                f"model '{card.name}': loses {cost.loss_points:.2f} points of {cost.metric}"
                + ("" if only_weighted else "; once more with only the layers that have weights in INT8")
            )
        if cost is not None and not cost.loss_points <= order.max_loss_points:
            raise ExportError(
                f"model '{card.name}' as {order.tag} loses {cost.loss_points:.2f} points of {cost.metric} "
                f"({cost.before:.4f} to {cost.after:.4f}), more than --max-loss {order.max_loss_points:g}; "
                "nothing was written"
            )
        if fixed is not None:
            model = fix_batch(model, fixed)
        final = scratch / f"final-{order.out.name}"
        write_graph(model, final)
        ms = None if fixed not in (None, 1) else _times(base, free, card, given)
        open_session(
            final, backend="onnxruntime", card_name=card.name
        ).close()  # a last look before it counts
        written = write_graph(read_graph(final), order.out)
    metrics = (
        {} if cost is None else {f"{cost.metric}_before": cost.before, f"{cost.metric}_after": cost.after}
    )
    derived = derive_card(card, order.out, tag=order.tag, batch=fixed, given=given, metrics=metrics)
    return Result(
        file=order.out,
        card=write_card(derived, order.out.parent),
        bytes=written,
        size_ratio=written / base_bytes,
        operators=operators(model),
        parity=source.parity,
        rewritten=rewritten,
        cost=cost,
        ms=ms,
    )


def export_unet(folder: Path, order: Order) -> Result:
    """Export the generator's denoising UNet.

    Raises:
        ConfigError: INT8, folding or a fixed batch was asked for, or the folder is wrong.
        StartError: weights or packages are missing.
        ExportError: the export computes something else.
    """
    if order.precision == "int8":
        raise ConfigError("the generator's UNet is exported as fp32 or fp16; INT8 would show in its pictures")
    if order.fold or order.fold_resize_px or order.half_io:
        raise ConfigError(
            "the generator's UNet takes no pictures; leave out --fold, --fold-resize and --half-io"
        )
    with tempfile.TemporaryDirectory(prefix="edge-export-") as name:
        scratch = Path(name)
        source = from_unet(folder, scratch)
        base = scratch / "base.onnx"
        base_bytes = write_graph(source.model, base)
        model, rewritten = source.model, None
        if order.precision == "fp16":
            from edge.export.half import to_half

            model = to_half(model)
            write_graph(model, scratch / "half.onnx")
            rewritten = compare_files(base, scratch / "half.onnx", source.feeds, TOLERANCE["fp16"])
            rewritten.require("the UNet in float16")
        written = write_graph(model, order.out)
    ratio = written / base_bytes
    return Result(order.out, None, written, ratio, operators(model), source.parity, rewritten, None, None)


def _with_sizes(card: ModelCard, source: Source) -> ModelCard:
    """The card with the sizes of the weights that were found, which need not be the published ones."""
    (array,) = source.feeds.values()
    dim = source.dim or card.dim
    spec = card.input.model_copy(update={"height": array.shape[2], "width": array.shape[3]})
    outputs = dict.fromkeys(card.outputs, (None, dim))
    return card.model_copy(update={"input": spec, "dim": dim, "outputs": outputs})


def _rewrite(
    model: onnx.ModelProto, card: ModelCard, order: Order, only_weighted: bool, say: Say
) -> tuple[onnx.ModelProto, CardInput]:
    """The graph in the precision that was ordered, and what its input has become."""
    given = card.input
    if order.precision == "int8":
        model = _quantized(model, card, order, only_weighted, say)
    elif order.precision == "fp16":
        from edge.export.half import to_half

        model = to_half(model, half_io=order.half_io)
    if order.fold or order.fold_resize_px is not None:
        from edge.export.fold import fold, folded_input

        if order.half_io:
            raise ConfigError("a folded input is bytes; leave out one of --fold and --half-io")
        given = folded_input(card, order.fold_resize_px)
        model = fold(model, card, order.fold_resize_px)
    elif order.half_io:
        given = given.model_copy(update={"dtype": "float16"})
    return model, given


def _quantized(
    model: onnx.ModelProto, card: ModelCard, order: Order, only_weighted: bool, say: Say
) -> onnx.ModelProto:
    from edge.export.quantize import quantize

    if order.half_io:
        raise ConfigError("--half-io is for --precision fp16")
    if order.calibration is None:
        raise ConfigError("INT8 needs pictures; name their folder", key="--calibration")
    pictures = calibration_pictures(order.calibration, card, CALIBRATION_MOST)
    say(f"model '{card.name}': ranges from {len(pictures)} pictures in {pictures[0].parent}")
    batches = calibration_batches(pictures, card.input)
    return quantize(model, card, batches, only_weighted=only_weighted)


def _rewritten(base: Path, file: Path, card: ModelCard, given: CardInput, order: Order) -> Parity | None:
    """Compare the rewritten graph with the float32 one, pre-processing included."""
    if order.precision == "fp32" and given == card.input:
        return None
    pictures = np.random.default_rng(7).integers(0, 256, (2, *_picture_px(given), 3), dtype=np.uint8)
    batches = [InputBatch(spec, len(pictures)) for spec in (card.input, given)]
    for batch in batches:
        for slot, picture in enumerate(pictures):
            batch.write(slot, picture)
    old, new = (open_session(path, backend="onnxruntime", card_name=card.name) for path in (base, file))
    try:
        wanted = {
            name: array.copy() for name, array in old.run({card.input.name: batches[0].view(2)}).items()
        }
        found = new.run({card.input.name: batches[1].view(2)})
        limit = TOLERANCE.get(order.precision, np.inf)
        if order.fold_resize_px is not None:
            limit = max(limit, RESIZED_TOLERANCE)
        parity = compare({name: wanted[name] for name in card.outputs}, found, limit)
    finally:
        old.close()
        new.close()
    parity.require(f"model '{card.name}' as {order.tag}")
    return parity


def _picture_px(given: CardInput) -> tuple[int, int]:
    return given.height, given.width


def _cost(
    source: tuple[ModelCard, Path], exported: tuple[ModelCard, Path], order: Order, say: Say
) -> Cost | None:
    """Measure what is lost; None where nothing says on what."""
    from edge.export.accuracy import detection_cost, retrieval_cost

    card = source[0]
    if card.task == "embed" and order.check is not None:
        say(f"model '{card.name}': retrieval before and after on {order.check}")
        return retrieval_cost(source, exported, order.check)
    if card.task == "detect" and order.precision == "int8" and order.calibration is not None:
        pictures = calibration_pictures(order.calibration, card, CALIBRATION_MOST)
        return detection_cost(source, exported, pictures)
    return None


def _times(base: Path, file: Path, card: ModelCard, given: CardInput) -> tuple[float, float]:
    """Median milliseconds of one row on one thread, both in turns."""
    sessions = [open_session(path, backend="onnxruntime", card_name=card.name) for path in (base, file)]
    one = random_input(card, 1)
    other = np.zeros((1, 3, given.height, given.width), given.dtype) if given != card.input else one
    taken: list[list[float]] = [[], []]
    try:
        for _ in range(TIMED_RUNS):
            for session, feed, times in zip(sessions, (one, other), taken, strict=True):
                session.run({card.input.name: feed})  # the caches are the other one's
                began = time.perf_counter()
                session.run({card.input.name: feed})
                times.append(1e3 * (time.perf_counter() - began))
    finally:
        for session in sessions:
            session.close()
    return float(np.median(taken[0])), float(np.median(taken[1]))


def with_default_out(order: Order, folder: Path, name: str) -> Order:
    """The order with a file in ``folder/<name>-<tag>/``."""
    tag = order.tag
    return replace(
        order, out=folder / f"{name}-{tag}" / f"{name.replace('-', '_')}_{tag.replace('-', '_')}.onnx"
    )
