"""Seconds in which a person is drawn, for bench_gpu.py: in upstream's way by torch eager, exactly, and fast.

The measuring is bench_ipg.py's. ``limit`` is the fewest seconds that the operations of that way can take at
the speed of a large matrix product in its precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from bench_gpu import Device

    from edge.nets.ipg import IpgNets

WAYS = ("upstream", "exact", "fast")
NO_GPU = "no GPU"
STEPS = 20


def identities(
    kind: str, device: Device | None, *, tiny: bool, poses: int = 8
) -> Iterator[dict[str, object]]:
    """Seconds per identity of each way; or why it was not run.

    Args:
        kind: ``cuda`` or ``cpu``; empty: there is no device.
        device: what it reaches, measured; None: no limit is told.
        tiny: small networks, to see that it runs.
        poses: pictures of each person.
    """
    if not kind:
        for way in WAYS:
            yield {"way": way, "poses": poses, "s": None, "why": NO_GPU}
        return
    try:
        import torch
        from bench_ipg import measure, random_nets
    except ModuleNotFoundError as error:
        for way in WAYS:
            yield {"way": way, "poses": poses, "s": None, "why": f"there is no package '{error.name}'"}
        return
    where = torch.device(kind)
    with torch.inference_mode():
        nets = random_nets(tiny, where)
        seconds = measure(nets, poses, 1 if tiny else 2, 1 if tiny else 2, where)["s"]
        for way in WAYS:
            found: dict[str, object] = {"way": way, "poses": poses, "s": seconds[way], "why": ""}
            if device is not None:
                operations, half = operations_of(nets, way, poses, where)
                found["limit"] = operations / device.operations_per_s["fp16" if half else "fp32"]
            yield found


def operations_of(nets: IpgNets, way: str, poses: int, where: torch.device) -> tuple[float, bool]:
    """Operations of one identity, and whether they are done in half precision."""
    import torch
    from bench_ipg import run_ours, run_upstream
    from torch.utils.flop_counter import FlopCounterMode

    from edge.ipg.devices import choose_dtype
    from edge.ipg.options import PRESETS

    def counted(steps: int) -> int:
        nothing: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
        with FlopCounterMode(display=False) as counter:
            if way == "upstream":
                run_upstream(nets, poses, steps, where, *nothing)
            else:
                options = PRESETS[way]
                if way == "exact":
                    options = replace(options, steps=steps, vae_half=False)
                run_ours(nets, options, poses, where, *nothing)
        return int(counter.get_total_flops())

    if way == "fast":
        return counted(0), choose_dtype(PRESETS["fast"], where) != torch.float32
    one, two = counted(1), counted(2)
    return one + (STEPS - 1) * (two - one), False
