"""How fast every backend runs our networks here, beside torch eager and what the device could do at most.

``python benchmarks/bench_gpu.py`` prints three tables on standard error, and one JSON line: pictures a second
of each network, backend, precision and batch size, copies to the device and back included; frames per second
of 1 to 16 streams from end to end, with pictures on the host and on the device (gpu_streams.py); and seconds
in which a person is drawn (gpu_identities.py). What is not here says "not run" and why.

Of the networks, ``limit`` is the smaller of two bounds, both measured in the same run: operations of the
network at the speed of a large matrix product, and bytes that must be moved at least (weights once per batch,
pictures and outputs) at the speed of a copy. ``--smoke`` is a minute on a CPU,
and what is done where there is no GPU unless ``--full`` is given; streams and drawing are then "not run", or
with ``--device cpu`` done in little on the CPU, the device's way too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

    from edge.config.card import ModelCard

CHECKOUT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("EDGE_SHARED") or CHECKOUT.parent / "shared")
NETWORKS = (
    "demo-reid",
    "reid-retail-0031",
    "reid-retail-0265",
    "osnet-x0-25",
    "transreid",
    "demo-detector",
    "yolox-nano-person",
)
BACKENDS = (
    "torch",  # first: the others are compared with it
    "torch-compile",
    "onnxruntime",
    "openvino",
    "onnxruntime-cuda",
    "onnxruntime-tensorrt",
    "tensorrt",
)
PARTS = ("networks", "streams", "identities")
SMOKE_NETWORKS, SMOKE_BACKENDS = ("demo-reid", "demo-detector"), ("torch", "onnxruntime", "openvino")
CALIBRATION_PICTURES = 16  # speed does not depend on the ranges


@dataclass(frozen=True, slots=True)
class Device:
    """What the device reaches, measured: operations and bytes per second."""

    name: str
    operations_per_s: dict[str, float]
    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Work:
    """What a network needs: multiply-adds of one picture (two operations each), and bytes."""

    multiply_adds: int
    weight_bytes: int
    picture_bytes: int

    def limit_per_s(self, device: Device, precision: str, batch: int) -> float:
        """Pictures per second that nothing on this device can exceed."""
        computed = device.operations_per_s[precision] / (2 * self.multiply_adds)
        shrink = {"fp32": 1, "fp16": 2, "int8": 4}[precision]
        moved = self.weight_bytes / shrink / batch + self.picture_bytes
        return min(computed, device.bytes_per_s / moved)


def main() -> int:
    options = argparse.ArgumentParser(description="Speed of every backend that is here.")
    options.add_argument("--batches", default="1,8,32,64", help="default: %(default)s")
    options.add_argument("--precisions", default="fp32,fp16,int8", help="default: %(default)s")
    options.add_argument("--networks", default=",".join(NETWORKS), help="default: %(default)s")
    options.add_argument("--backends", default=",".join(BACKENDS), help="default: %(default)s")
    options.add_argument("--seconds", type=float, default=1.0, help="of each figure; default: %(default)s")
    options.add_argument("--threads", type=int, default=1, help="on a CPU; default: %(default)s")
    options.add_argument("--smoke", action="store_true", help="two small networks, float32, batches 1 and 8")
    options.add_argument(
        "--full", action="store_true", help="everything also without a GPU, which takes hours"
    )
    options.add_argument("--parts", default=",".join(PARTS), help="default: %(default)s")
    options.add_argument("--streams", default="1,4,8,16", help="numbers of copies; default: %(default)s")
    options.add_argument(
        "--device", choices=("auto", "cpu"), default="auto", help="of streams and drawing; default: the GPU"
    )
    options.add_argument("--tiny", action="store_true", help="small pictures and generator, few frames")
    given = options.parse_args()
    from edge.backends.cuda_driver import has_gpu

    given.smoke = given.smoke or not (given.full or has_gpu())
    kind = "cpu" if given.device == "cpu" else "cuda" if has_gpu() else ""
    parts = given.parts.split(",")
    os.environ["EDGE_PRETRAINED"] = os.pathsep.join(
        (os.environ.get("EDGE_PRETRAINED", ""), str(SHARED / "data/models"))
    )
    networks, backends = given.networks.split(","), given.backends.split(",")
    batches = [int(text) for text in given.batches.split(",")]
    precisions, seconds = given.precisions.split(","), given.seconds
    if given.smoke:
        networks, backends = list(SMOKE_NETWORKS), list(SMOKE_BACKENDS)
        batches, precisions, seconds = [1, 8], ["fp32"], 0.2
    device = measure_device(given.threads)
    rows: list[dict[str, object]] = []
    streamed: list[dict[str, object]] = []
    drawn: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for card, graphs in graphs_of(networks if "networks" in parts else [], precisions, Path(folder)):
            work = work_of(graphs["fp32"], card)
            for precision, file in graphs.items():
                for backend in backends:
                    for row in run(card, file, backend, batches, seconds, given.threads):
                        limit = work.limit_per_s(device, precision, int(str(row["batch"])))
                        rows.append({"network": card.name, "precision": precision, **row, "limit": limit})
                        say(rows)
        if "streams" in parts:
            for row in stream_rows(given, kind, device, Path(folder)):
                streamed.append(row)
                say_stream(streamed)
    if "identities" in parts:
        from gpu_identities import identities

        tiny = given.tiny or kind == "cpu"
        for row in identities(kind, device if kind else None, tiny=tiny, poses=1 if tiny else 8):
            drawn.append(row)
            say_drawn(drawn)
    print(
        json.dumps(
            {
                "benchmark": "gpu",
                "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors",
                "device": device.name,
                "commit": commit(),
                "gflops": {key: round(value / 1e9, 1) for key, value in device.operations_per_s.items()},
                "gbytes_per_s": round(device.bytes_per_s / 1e9, 1),
                "rows": [rounded(row) for row in rows],
                "streams": [rounded(row) for row in streamed],
                "identities": [{**row, "s": thousandths(row["s"])} for row in drawn],
            }
        )
    )
    return 0


def stream_rows(
    given: argparse.Namespace, kind: str, device: Device, folder: Path
) -> Iterator[dict[str, object]]:
    """Streams from end to end, in little where that is asked for."""
    from gpu_streams import models_here, streams

    limits = None
    for card, graphs in graphs_of([models_here()[0]] if kind else [], ["fp32"], folder):
        limits = device, work_of(graphs["fp32"], card)
    copies = [int(text) for text in given.streams.split(",")]
    small: dict[str, object] = {"size_px": (320, 240), "frames": 20} if given.tiny or kind == "cpu" else {}
    yield from streams(folder, SHARED, copies, kind, limits, **small)  # type: ignore[arg-type]


def run(
    card: ModelCard, file: Path, backend: str, batches: list[int], seconds: float, threads: int
) -> Iterator[dict[str, object]]:
    """Pictures per second of a backend at each batch size; or why it was not run."""
    import numpy as np

    from edge.backends import Batch, open_session
    from edge.errors import EdgeError

    rng = np.random.default_rng(0)
    for batch in batches:
        try:
            session = open_session(
                file,
                backend=backend,
                threads=threads,
                card_name=card.name,
                batch=Batch(batch, batch, batch),
            )
        except EdgeError as error:
            yield {"backend": backend, "batch": batch, "per_s": None, "why": str(error)}
            continue
        port = session.inputs[0]
        feed = rng.integers(0, 256, (batch, *card.input_shape[1:])).astype(port.dtype)
        try:
            taken = timed(lambda feed=feed, name=port.name, net=session: net.run({name: feed}), seconds)
        except EdgeError as error:
            yield {"backend": backend, "batch": batch, "per_s": None, "why": str(error)}
        else:
            per_s = batch / median(taken)
            yield {"backend": backend, "batch": batch, "per_s": per_s, "why": "", "label": session.label}
        session.close()


def timed(call: Callable[[], object], seconds: float) -> list[float]:
    """Seconds of each call, after three that do not count."""
    for _ in range(3):
        call()
    taken: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(taken) < 3:
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return taken


def graphs_of(
    names: list[str], precisions: list[str], folder: Path
) -> Iterator[tuple[ModelCard, dict[str, Path]]]:
    """The graph of each network in each precision; a network whose weights are not here is left out."""
    from edge.config.catalog import load_card
    from edge.config.weights import find_weights
    from edge.errors import EdgeError
    from edge.export.graphs import write_graph
    from edge.export.half import to_half
    from edge.export.quantize import quantize
    from edge.export.sources import from_onnx, from_transreid

    for name in names:
        card = load_card(name)
        try:
            file = find_weights(card)
            source = (from_onnx if file.suffix == ".onnx" else from_transreid)(card, file, folder)
        except EdgeError as error:
            print(f"{name}: not run: {error}", file=sys.stderr)
            continue
        graphs: dict[str, Path] = {}
        for precision in ["fp32", *(one for one in precisions if one != "fp32")]:
            model = source.model
            if precision == "fp16":
                model = to_half(model)
            elif precision == "int8":
                model = quantize(model, card, calibration(card), only_weighted=card.task == "detect")
            graphs[precision] = folder / f"{name}-{precision}.onnx"
            write_graph(model, graphs[precision])
        yield card, graphs


def calibration(card: ModelCard) -> Iterator[object]:
    """Drawn pictures as the network takes them."""
    from edge.backends.pictures import InputBatch
    from edge.site.samples import random_crop, random_scene

    inputs = InputBatch(card.input, 1)
    for number in range(CALIBRATION_PICTURES):
        detects = card.task == "detect"
        inputs.write(0, random_scene(number).image_bgr_hwc if detects else random_crop(number, 0))
        yield inputs.view(1).copy()


def work_of(file: Path, card: ModelCard) -> Work:
    """Multiply-adds and bytes of one picture, from the graph's shapes."""
    import numpy as np
    import onnx

    from edge.export.graphs import fix_batch, read_graph

    model = onnx.shape_inference.infer_shapes(fix_batch(read_graph(file), 1), data_prop=True)
    graph = model.graph
    shapes = {one.name: tuple(one.dims) for one in graph.initializer}
    for port in (*graph.input, *graph.value_info, *graph.output):
        shapes[port.name] = tuple(size.dim_value for size in port.type.tensor_type.shape.dim)
    total = sum(multiply_adds(node, shapes) for node in graph.node)
    weights = sum(int(np.prod(one.dims)) * 4 for one in graph.initializer)
    outputs = sum(int(np.prod(shapes[port.name])) * 4 for port in graph.output)
    picture = int(np.prod(card.input_shape[1:])) * 4
    return Work(max(total, 1), weights, picture + outputs)


def multiply_adds(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    import numpy as np

    if node.op_type not in ("Conv", "Gemm", "MatMul"):
        return 0
    out = int(np.prod(shapes.get(node.output[0], (0,))))
    if node.op_type == "Conv":
        return out * int(np.prod(shapes[node.input[1]][1:]))
    inner = shapes.get(node.input[0], (0,))[-1]
    return out * inner


def measure_device(threads: int) -> Device:
    """The speed of a large matrix product and of a copy, on the GPU where torch has one, else on the CPU."""
    try:
        import torch
    except ModuleNotFoundError:
        torch = None  # type: ignore[assignment]
    if torch is not None and torch.cuda.is_available():
        return measure_gpu()
    import numpy as np

    side = 1024
    one = np.ones((side, side), np.float32)
    product = 2 * side**3 / min(timed(lambda: one @ one, 0.3))
    source = np.ones(32 << 20, np.uint8)
    target = np.empty_like(source)
    copied = 2 * source.nbytes / min(timed(lambda: np.copyto(target, source), 0.3))
    name = f"CPU, {threads} of its threads for the networks"
    return Device(name, {"fp32": product, "fp16": product, "int8": 4 * product}, copied)


def measure_gpu() -> Device:
    import torch

    def speed(dtype: torch.dtype) -> float:
        side = 8192
        one = torch.ones((side, side), dtype=dtype, device="cuda")

        def product() -> None:
            _ = one @ one
            torch.cuda.synchronize()

        return 2 * side**3 / min(timed(product, 0.5))

    source = torch.ones(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)
        torch.cuda.synchronize()

    copied = 2 * source.numel() / min(timed(copy, 0.3))
    half = speed(torch.float16)
    return Device(
        torch.cuda.get_device_name(0),
        {"fp32": speed(torch.float32), "fp16": half, "int8": 2 * half},
        copied,
    )


def say(rows: list[dict[str, object]]) -> None:
    """The last row of the table, with its head before the first."""
    if len(rows) == 1:
        print(
            "| network | precision | backend | batch | per s | beside torch eager | of the limit |\n"
            "|---|---|---|---|---|---|---|",
            file=sys.stderr,
        )
    row = rows[-1]
    cells = [str(row[key]) for key in ("network", "precision", "backend", "batch")]
    if row["per_s"] is None:
        cells += [f"not run: {row['why']}", "", ""]
    else:
        eager = next(
            (
                other["per_s"]
                for other in rows
                if other["backend"] == "torch"
                and all(other[key] == row[key] for key in ("network", "precision", "batch"))
            ),
            None,
        )
        per_s = float(str(row["per_s"]))
        beside = "" if eager is None else f"{per_s / float(str(eager)):.2f} x"
        cells += [f"{per_s:.0f}", beside, f"{per_s / float(str(row['limit'])):.1%}"]
    print(f"| {' | '.join(cells)} |", file=sys.stderr)


def say_stream(rows: list[dict[str, object]]) -> None:
    """The last row of the streams' table, with its head before the first."""
    if len(rows) == 1:
        print("\n| streams | pictures | frames/s | beside the host | of the limit |", file=sys.stderr)
        print("|---|---|---|---|---|", file=sys.stderr)
    row = rows[-1]
    cells = [str(row["copies"]), str(row["front"])]
    host = next(
        (one["per_s"] for one in rows if (one["copies"], one["front"]) == (row["copies"], "host")), None
    )
    if row["per_s"] is None:
        cells += [f"not run: {row['why']}", "", ""]
    else:
        per_s = float(str(row["per_s"]))
        beside = "" if host is None else f"{per_s / float(str(host)):.2f} x"
        cells += [f"{per_s:.1f}", beside, f"{per_s / float(str(row['limit'])):.1%}" if "limit" in row else ""]
    print(f"| {' | '.join(cells)} |", file=sys.stderr)


def say_drawn(rows: list[dict[str, object]]) -> None:
    """The last row of the table of drawing, with its head before the first."""
    if len(rows) == 1:
        print("\n| a person drawn | s | beside upstream's way, torch eager | limit, s |", file=sys.stderr)
        print("|---|---|---|---|", file=sys.stderr)
    row = rows[-1]
    cells = [f"{row['way']}, {row['poses']} poses"]
    if row["s"] is None:
        cells += [f"not run: {row['why']}", "", ""]
    else:
        taken_s, upstream_s = float(str(row["s"])), float(str(rows[0]["s"]))
        limit_s = f"{float(str(row['limit'])):.2g}" if "limit" in row else ""
        cells += [f"{taken_s:.2f}", f"{upstream_s / taken_s:.2f} x", limit_s]
    print(f"| {' | '.join(cells)} |", file=sys.stderr)


def thousandths(seconds: object) -> float | None:
    return None if seconds is None else round(float(str(seconds)), 3)


def rounded(row: dict[str, object]) -> dict[str, object]:
    return {key: round(value, 1) if isinstance(value, float) else value for key, value in row.items()}


def commit() -> str:
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
