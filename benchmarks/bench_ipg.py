"""What drawing a person costs: exactly as upstream, exactly but without what is done twice, and fast.

``python benchmarks/bench_ipg.py`` prints one JSON line; ``--tiny`` takes seconds. Weights are random (time
does not depend on them); both UNets share them, which saves 3.4 GB at SD-1.5 size and changes no arithmetic.

* upstream: the arithmetic in upstream's way, in the same process. The reference is encoded once per pose, its
  features are written for unconditional rows too, every self-attention of every row attends to them, is then
  done again for the unconditional half, and projects the reference's keys and values anew at every step.
* exact, fast: the presets of ``edge generate``.

Steps are timed one by one; upstream and exact take turns of ``--steps`` steps. The figure for an identity is
reference + 20 x step + decoding, so only a step's time is multiplied. ``fast`` runs whole. On a CPU the
ratios are of CPU seconds, which other work on the machine disturbs less; seconds are wall.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench_live import commit, machine

if TYPE_CHECKING:
    import torch

    from edge.ipg.generator import Generator
    from edge.nets.ipg import IpgNets

STEPS = 20  # of upstream
TINY: dict[str, Any] = {
    "block_out_channels": [32, 64, 96, 96],
    "attention_head_dim": 4,
}


@dataclass(frozen=True, slots=True)
class Took:
    """Wall and CPU seconds."""

    wall_s: float
    cpu_s: float


def main() -> int:
    options = argparse.ArgumentParser(description="Seconds per identity, per step, and memory.")
    options.add_argument("--tiny", action="store_true", help="small networks: to see that it runs")
    options.add_argument("--poses", default="1,4,8", help="numbers of poses, e.g. 1,4,8")
    options.add_argument("--steps", type=int, default=2, help="steps of each turn of upstream and exact")
    options.add_argument("--turns", type=int, default=2, help="turns of each")
    options.add_argument("--device", default="cpu")
    options.add_argument("--threads", type=int, default=0, help="of torch, on a CPU; 0: its own choice")
    given = options.parse_args()

    import torch

    if given.threads:
        torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    with torch.inference_mode():
        nets = random_nets(given.tiny, device)
        rows = {
            poses: measure(nets, int(poses), given.steps, given.turns, device)
            for poses in given.poses.split(",")
        }
    line = {
        "bench": "ipg",
        "machine": machine(),
        "commit": commit(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "input": f"{'tiny' if given.tiny else 'SD-1.5'} size, 512 x 256 pixels, random weights",
        "poses": rows,
        "peak_mib": peak_mib(device),
    }
    print(json.dumps(line))
    return 0


def random_nets(tiny: bool, device: torch.device) -> IpgNets:
    """All networks, filled with small random numbers; the UNets share theirs."""
    import torch

    from edge.nets.ipg import build_nets
    from edge.nets.sizes import SD15_UNET, SD_VAE, IpgSizes, TransReIDSizes

    sizes = IpgSizes()
    if tiny:
        sizes = replace(
            sizes,
            unet={**SD15_UNET, **TINY, "cross_attention_dim": 64},
            vae={**SD_VAE, "block_out_channels": [32, 32, 64, 64]},
            reid=TransReIDSizes(width=48, depth=3, heads=4),
        )
    with torch.device("meta"):
        nets = build_nets(sizes)
    torch.manual_seed(0)
    for net in nets:
        state = {
            key: torch.nn.Parameter(torch.empty(tensor.shape, device=device).normal_(std=0.03), False)
            if tensor.is_floating_point()
            else torch.zeros(tensor.shape, dtype=tensor.dtype, device=device)
            for key, tensor in net.state_dict().items()
            if net is not nets.reference_unet
        }
        for key, tensor in state.items():
            if "norm" in key and key.endswith("weight"):
                tensor.data.fill_(1)
            if key.endswith("running_var"):
                tensor.data.fill_(1)
        if net is not nets.reference_unet:
            net.load_state_dict(state, assign=True)
    own = dict(nets.denoising_unet.named_parameters())
    shared = {key: own[key] for key in nets.reference_unet.state_dict()}
    nets.reference_unet.load_state_dict(shared, assign=True)
    for net in nets:
        net.requires_grad_(False).eval()
    return nets


def measure(nets: IpgNets, poses: int, steps: int, turns: int, device: torch.device) -> dict[str, Any]:
    """Everything about one identity in a number of poses."""
    import torch

    from edge.ipg.options import PRESETS

    upstream_steps: list[Took] = []
    exact_steps: list[Took] = []
    once: dict[str, list[Took]] = {"upstream": [], "exact": [], "fast": []}
    decode: dict[str, list[Took]] = {"upstream": [], "exact": [], "fast": []}
    for _ in range(turns):
        run_upstream(nets, poses, steps, device, once["upstream"], upstream_steps, decode["upstream"])
        options = replace(PRESETS["exact"], steps=steps, vae_half=False)
        run_ours(nets, options, poses, device, once["exact"], exact_steps, decode["exact"])
    fast_steps: list[Took] = []
    run_ours(nets, PRESETS["fast"], poses, device, once["fast"], fast_steps, decode["fast"])
    if device.type == "cuda":
        torch.cuda.synchronize()

    def whole(kind: str, per_step: float, count: int, which: Callable[[Took], float]) -> float:
        return median(map(which, once[kind])) + count * per_step + median(map(which, decode[kind]))

    def figures(which: Callable[[Took], float]) -> dict[str, float]:
        step = {"upstream": median(map(which, upstream_steps)), "exact": median(map(which, exact_steps))}
        return {
            "upstream": whole("upstream", step["upstream"], STEPS, which),
            "exact": whole("exact", step["exact"], STEPS, which),
            "fast": whole("fast", sum(map(which, fast_steps)), 1, which),
            "upstream_step": step["upstream"],
            "exact_step": step["exact"],
            **{f"{kind}_once": median(map(which, took)) for kind, took in once.items()},
            **{f"{kind}_decode": median(map(which, took)) for kind, took in decode.items()},
        }

    wall, cpu = figures(lambda took: took.wall_s), figures(lambda took: took.cpu_s)
    told = cpu if device.type == "cpu" else wall
    result = {
        "s": rounded(wall),
        "cpu_s": rounded(cpu),
        "fast_steps_s": [round(took.wall_s, 3) for took in fast_steps],
        "exact_over_upstream": round(told["upstream"] / told["exact"], 3),
        "exact_over_upstream_step": round(told["upstream_step"] / told["exact_step"], 3),
        "fast_over_exact": round(told["exact"] / told["fast"], 2),
    }
    print(f"{poses} poses: {json.dumps(result)}", file=sys.stderr, flush=True)
    return result


def rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in numbers.items()}


class Stopwatch:
    """Notes how long it is since the last note."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.note([])

    def note(self, into: list[Took]) -> None:
        import torch

        if self._device.type == "cuda":
            torch.cuda.synchronize()
        now = time.perf_counter(), time.process_time()
        if hasattr(self, "_last"):
            into.append(Took(now[0] - self._last[0], now[1] - self._last[1]))
        self._last = now


def run_ours(
    nets: IpgNets,
    options: Any,
    poses: int,
    device: torch.device,
    once: list[Took],
    steps: list[Took],
    decode: list[Took],
) -> None:
    """One identity by our generator; pose features are made before, since all identities share them."""
    from edge.ipg.generator import Generator, Pair

    restore_processors(nets)
    generator = Generator(nets, options)
    drawn = [generator.pose(str(number), pose_picture(number)) for number in range(poses)]
    generator._conditioner.nobody()
    watch = Stopwatch(device)
    identities = generator.identify([reference()])
    watch.note(once)
    noise = noises(poses, generator)
    pairs = [Pair(0, number, noise[number]) for number in range(poses)]
    watch.note([])
    latents = generator.latents(identities, drawn, pairs, on_step=lambda *_: watch.note(steps))
    watch.note([])
    generator._pictures(latents)
    watch.note(decode)


def run_upstream(
    nets: IpgNets,
    poses: int,
    count: int,
    device: torch.device,
    once: list[Took],
    steps: list[Took],
    decode: list[Took],
) -> None:
    """One identity in upstream's way; see the top of this file."""
    import torch

    from edge.ipg.pictures import to_pose_input, to_reid_input, to_vae_input
    from edge.ipg.schedule import Ddim
    from edge.nets.vae import SCALE

    restore_processors(nets)
    for net in (nets.denoising_unet, nets.reference_unet, nets.pose_guider, nets.vae):
        net.to(memory_format=torch.contiguous_format)
    bank: dict[str, torch.Tensor] = {}
    twice = TwiceDone(bank)
    high, wide = nets.sizes.picture_px

    def put(array: Any) -> torch.Tensor:
        return torch.from_numpy(array).to(device)

    guide = put(to_pose_input(pose_picture(0), (high, wide)))[None].expand(poses, -1, -1, -1)
    watch = Stopwatch(device)
    person = put(to_reid_input(reference().image_rgb, nets.sizes.reid.picture_px))[None]
    tokens = nets.ifr(nets.reid(torch.cat([torch.zeros_like(person), person])))
    tokens = tokens.repeat_interleave(poses, dim=0)
    picture = put(to_vae_input(reference().image_rgb, (high, wide)))[None].repeat(poses, 1, 1, 1)
    reference_latents = nets.vae.encode(picture).latent_dist.mean * SCALE
    pose = nets.pose_guider(guide).repeat(2, 1, 1, 1)
    twice.write(nets.reference_unet)
    nets.reference_unet(reference_latents.repeat(2, 1, 1, 1), 0, encoder_hidden_states=tokens)
    for name in bank:
        bank[name] = bank[name].half()
    twice.read(nets.denoising_unet)
    watch.note(once)
    latents = torch.randn(poses, 4, *nets.sizes.latent_px, device=device)
    sampler = Ddim(count)
    for index, at in enumerate(sampler.times):
        without, with_ = nets.denoising_unet.denoise(
            latents.repeat(2, 1, 1, 1), torch.tensor(at, device=device), tokens, pose
        ).chunk(2)
        latents = sampler.step(index, without + 3.5 * (with_ - without), latents)
        watch.note(steps)
    for row in range(poses):
        nets.vae.decode(latents[row : row + 1] / SCALE)
    watch.note(decode)


class TwiceDone:
    """Self-attention as upstream does it, with scaled-dot-product attention as there."""

    def __init__(self, bank: dict[str, torch.Tensor]) -> None:
        self._bank = bank

    def write(self, unet: Any) -> None:
        self._hook(unet, self._writing)

    def read(self, unet: Any) -> None:
        self._hook(unet, self._reading)

    def _hook(self, unet: Any, kind: Callable[[str], Any]) -> None:
        processors = dict(unet.attn_processors)
        for name in processors:
            if name.endswith(".attn1.processor"):
                processors[name] = kind(name)
        unet.set_attn_processor(processors)

    def _writing(self, name: str) -> Any:
        from diffusers.models.attention_processor import AttnProcessor2_0

        plain, bank = AttnProcessor2_0(), self._bank

        class Writing:
            def __call__(self, attn: Any, tokens: torch.Tensor, **kwargs: Any) -> torch.Tensor:
                bank[name] = tokens.clone()
                return plain(attn, tokens)

        return Writing()

    def _reading(self, name: str) -> Any:
        import torch
        from diffusers.models.attention_processor import AttnProcessor2_0

        plain, bank = AttnProcessor2_0(), self._bank

        class Reading:
            def __call__(self, attn: Any, tokens: torch.Tensor, **kwargs: Any) -> torch.Tensor:
                both = torch.cat([tokens, bank[name]], dim=1)
                out = plain(attn, tokens, encoder_hidden_states=both).clone()
                half = len(tokens) // 2
                out[:half] = plain(attn, tokens[:half], encoder_hidden_states=tokens[:half])
                return out

        return Reading()


def restore_processors(nets: IpgNets) -> None:
    from diffusers.models.attention_processor import AttnProcessor2_0

    for net in (nets.denoising_unet, nets.reference_unet):
        net.set_attn_processor(AttnProcessor2_0())


def reference() -> Any:
    import numpy as np

    from edge.ipg.pictures import Reference

    image = np.random.default_rng(0).integers(0, 255, (128, 64, 3), dtype=np.uint8)
    return Reference("1", "1", image)


def pose_picture(number: int) -> Any:
    from edge.ipg.skeleton import standard_skeletons
    from edge.ipg.sticks import draw_sticks

    skeletons = standard_skeletons()
    return draw_sticks(skeletons[number % len(skeletons)], (512, 256))


def noises(poses: int, generator: Generator) -> torch.Tensor:
    from edge.ipg.noise import make_noise

    return make_noise(generator.options).draw("1", [str(n) for n in range(poses)], generator.latent_shape)


def peak_mib(device: torch.device) -> int:
    import torch

    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device) >> 20)
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    sys.exit(main())
