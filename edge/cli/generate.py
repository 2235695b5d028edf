"""Bodies of ``edge generate`` and ``edge poses draw``."""

from __future__ import annotations

import json as jsonlib
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.cli.progress import progress_bars
from edge.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from edge.ipg.folder import Report
    from edge.ipg.options import Options
    from edge.ipg.poses import PosePicture

__all__ = ["Request", "draw_poses", "generate", "require_packages"]

NEEDED = ("torch", "diffusers", "PIL")
DEMO = "demo-ipg"  # the model that is taken when none is named
LISTED = 20  # skips that are shown


@dataclass(frozen=True, slots=True)
class Request:
    """The command line; None where an option was not given."""

    ckpt_dir: Path | None
    ref_dir: Path
    out_dir: Path
    model: str | None = None
    pose_dir: Path | None = None
    keypoints: Path | None = None
    preset: str = "fast"
    steps: int | None = None
    guidance: float | None = None
    scheduler: str | None = None
    seed: int | None = None
    upstream_seeds: bool = False
    similarity_min: float | None = None
    device: str = "auto"
    dtype: str | None = None
    memory_mb: int | None = None
    compile: bool = False
    json: bool = False


def generate(request: Request) -> int:
    """Draw every person of a folder in every pose.

    Returns:
        0; what was passed over is reported.

    Raises:
        ConfigError: an option or a folder is wrong.
        StartError: weights or a package are missing.
        RunError: a picture cannot be written.
    """
    require_packages()
    given = _given(request)
    from edge.ipg.options import options_for
    from edge.ipg.poses import read_pose_folder
    from edge.ipg.record import claim_folder, fingerprint
    from edge.ipg.references import find_sources

    weights = _weights(request)
    options = options_for(request.preset, weights, given)
    sources, skips = find_sources(request.ref_dir, request.out_dir)
    if request.pose_dir is not None:
        poses, more = read_pose_folder(request.pose_dir)
        skips += more
    else:
        poses = _drawn(request.keypoints)

    from edge.ipg.folder import generate as draw_folder

    started = time.perf_counter()
    generator = _open(request, weights, options)
    claim_folder(request.out_dir, options, poses, fingerprint(weights), sources)
    with progress_bars() as progress_of:
        report = draw_folder(generator, poses, sources, progress_of("people"))
    report.skips += skips
    seconds = time.perf_counter() - started
    _print_report(request, report, len(poses), seconds)
    return 0


def draw_poses(out: Path, keypoints: Path | None, json: bool = False) -> int:
    """Write poses as pictures.

    Raises:
        ConfigError: the file of keypoints is wrong.
        RunError: a picture cannot be written.
    """
    require_packages("PIL")
    from edge.ipg.poses import draw_poses as draw

    paths = [str(path) for path in draw(out, keypoints)]
    print(jsonlib.dumps({"poses": paths}) if json else "\n".join(paths))
    return 0


def require_packages(*names: str) -> None:
    """Refuse to begin without these packages, all that drawing needs unless given.

    Raises:
        MissingExtraError: one is not installed; it is named.
    """
    for name in names or NEEDED:
        if find_spec(name) is None:
            package = {"PIL": "pillow"}.get(name, name)
            raise MissingExtraError(
                f"this command needs the package '{package}'; pip install 'edge-reid[ipg]'"
            )


def _given(request: Request) -> dict[str, Any]:
    """What the user says of :class:`edge.ipg.options.Options`; None: nothing."""
    from edge.ipg.options import override, preset

    if request.pose_dir is not None and request.keypoints is not None:
        raise ConfigError("--pose_dir and --keypoints exclude each other; give one of them")
    if request.memory_mb is not None and request.memory_mb < 1:
        raise ConfigError(f"must be 1 or more (got {request.memory_mb})", key="--memory-mb")
    for name, value, known in (
        ("--scheduler", request.scheduler, ("ddim", "dpmpp")),
        ("--dtype", request.dtype, ("auto", "float32", "bfloat16", "float16")),
    ):
        if value is not None and value not in known:
            raise ConfigError(f"must be one of {', '.join(known)} (got '{value}')", key=name)
    given: dict[str, Any] = {
        "steps": request.steps,
        "guidance": request.guidance,
        "scheduler": request.scheduler,
        "seed": request.seed,
        "upstream_seeds": request.upstream_seeds or None,
        "similarity_min": request.similarity_min,
        "dtype": request.dtype,
        "memory_bytes": None if request.memory_mb is None else request.memory_mb << 20,
        "compile": request.compile or None,
    }
    override(preset(request.preset), given)  # refuses nonsense before any file of weights is looked for
    return given


def _drawn(keypoints: Path | None) -> list[PosePicture]:
    """The pictures that ``edge poses draw`` would write."""
    from edge.ipg.poses import pose_pictures
    from edge.ipg.skeleton import read_keypoints, standard_skeletons

    skeletons = standard_skeletons() if keypoints is None else read_keypoints(keypoints)
    return pose_pictures(skeletons)


def _weights(request: Request) -> Path:
    """The folder of the weights: what was named, or the shipped demo-ipg."""
    if request.ckpt_dir is not None:
        if request.model is not None:
            raise ConfigError("--ckpt_dir and --model exclude each other; give one of them")
        if not request.ckpt_dir.is_dir():
            raise ConfigError(
                "is not a folder; give the one with denoising_unet.pth", file=str(request.ckpt_dir)
            )
        return request.ckpt_dir
    from edge.ipg.folder import weights_folder

    return weights_folder(request.model or DEMO)


def _open(request: Request, weights: Path, options: Options) -> Any:
    """Load the networks."""
    import torch

    from edge.ipg.devices import choose_device
    from edge.ipg.folder import open_generator

    device = choose_device(request.device)
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = request.preset != "exact"
        torch.backends.cuda.matmul.allow_tf32 = request.preset != "exact"
    return open_generator(weights, options, device)


def _print_report(request: Request, report: Report, poses: int, seconds: float) -> None:
    mean = sum(report.similarities) / len(report.similarities) if report.similarities else None
    shown = [{"file": str(path), "reason": reason} for path, reason in report.skips[:LISTED]]
    if request.json:
        result = {
            "references": report.references,
            "resumed": report.resumed,
            "poses": poses,
            "pictures": report.pictures,
            "rejected_too_far": report.too_far,
            "rejected_like_another": report.like_another,
            "similarity": mean,
            "skipped": len(report.skips),
            "skips": shown,
            "seconds": round(seconds, 3),
            "out_dir": str(request.out_dir),
        }
        print(jsonlib.dumps(result, indent=2, ensure_ascii=False))
        return
    print(f"{report.pictures} pictures of {report.drawn} people in {poses} poses: {request.out_dir}")
    if report.resumed:
        print(f"{report.resumed} people were done before")
    if report.too_far or report.like_another:
        print(
            f"not kept: {report.too_far} too unlike their reference, "
            f"{report.like_another} more like somebody else"
        )
    if mean is not None:
        print(f"mean ReID similarity to the reference: {mean:.3f}")
    if report.skips:
        print(f"{len(report.skips)} files were skipped:", file=sys.stderr)
        for skip in shown:
            print(f"  {skip['file']} {skip['reason']}", file=sys.stderr)
