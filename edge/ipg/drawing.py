"""From jobs to prototypes: draw the people, keep the pictures that show them, and embed those.

Runs in a worker's process. The ReID model is the live one, in a session of its own, for a prototype is only
worth something beside embeddings of the very same model.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import MissingExtraError, ModelError
from edge.ipg.fidelity import Verdict, judge
from edge.ipg.options import Options, options_for
from edge.ipg.worker import Drawn
from edge.records import Crop, IpgJob, Prototype

if TYPE_CHECKING:
    import torch

    from edge.config.ipg import IpgSpec
    from edge.ipg.conditioning import Identity, Pose
    from edge.ipg.generator import Generator, Pair
    from edge.ipg.process import Setup
    from edge.stages.embed import Embedder

__all__ = ["PrototypePainter", "drawing_options", "open_painter"]

RIVALS = 64  # people whose latest reference competes in the fidelity gate
# These change how long it takes, not what is drawn.
_ONLY_SPEED = ("channels_last", "compile", "decode_rows", "dtype", "memory_bytes")
_SAMPLE_BYTES = 1 << 20


def open_painter(setup: Setup) -> PrototypePainter:
    """Load the generator and the live ReID model.

    Raises:
        ConfigError: the device, the poses or a file of sizes is wrong.
        StartError: weights or a package are missing.
    """
    spec = setup.spec
    try:
        from edge.ipg.devices import choose_device
        from edge.ipg.folder import open_generator, weights_folder
        from edge.ipg.poses import pose_pictures
        from edge.ipg.skeleton import read_keypoints, standard_skeletons
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        raise MissingExtraError(
            f"drawing people needs the package '{name}'; pip install 'edge-reid[ipg]', "
            "or do without: ipg.workers: 0"
        ) from None
    import torch

    torch.set_num_threads(spec.budget.threads)
    folder = weights_folder(spec.model)
    options = drawing_options(spec, folder)
    generator = open_generator(folder, options, choose_device(spec.device))
    skeletons = standard_skeletons() if spec.poses is None else read_keypoints(spec.poses)
    poses = pose_pictures(skeletons)
    name = _fingerprint(spec, folder, options, [(pose.name, pose.image_rgb) for pose in poses])
    return PrototypePainter(
        generator,
        [generator.pose(pose.name, pose.image_rgb) for pose in poses],
        _open_embedder(setup),
        name=name,
        eta=spec.eta,
    )


def drawing_options(spec: IpgSpec, folder: Path) -> Options:
    """The preset, with what the generator's folder advises, and what the pipeline says, on top."""
    given: dict[str, Any] = {
        "steps": spec.steps,
        "similarity_min": spec.similarity_min,
        "memory_bytes": None if spec.budget.memory_mb is None else spec.budget.memory_mb << 20,
    }
    return options_for(spec.preset, folder, given)


class PrototypePainter:
    """Draws people in standard poses.

    Args:
        generator: draws.
        poses: in which people are drawn.
        embedder: the live ReID model.
        name: fingerprint of weights, settings and poses.
        eta: weight of each picture, see :func:`edge.centralize.fuse_generated`.
    """

    def __init__(
        self, generator: Generator, poses: Sequence[Pose], embedder: Embedder, *, name: str, eta: float
    ) -> None:
        from edge.ipg.noise import make_noise

        self.generator = name
        self._generator = generator
        self._poses = list(poses)
        self._embedder = embedder
        self._eta = eta
        self._noise = make_noise(generator.options)
        self._rivals: deque[tuple[int, NDArray[np.float32]]] = deque(maxlen=RIVALS)

    def paint(self, jobs: Sequence[IpgJob], beat: Callable[[], None]) -> list[Drawn]:
        """Draw people; calls ``beat`` after every step.

        Raises:
            MemoryError: the memory is too small even for one picture.
        """
        from edge.ipg.generator import OutOfMemory

        try:
            return self._paint(jobs, beat)
        except OutOfMemory as error:
            raise MemoryError(str(error)) from None

    def _paint(self, jobs: Sequence[IpgJob], beat: Callable[[], None]) -> list[Drawn]:
        from edge.ipg.generator import Pair
        from edge.ipg.pictures import Reference

        with _behind(self._generator.device):
            crops = [
                (row, crop)
                for row, job in enumerate(jobs)
                for crop in (job.reference, *job.further)[: len(self._poses)]
            ]
            references = [
                Reference(_name(crop), str(jobs[row].identity), _rgb(crop.image_bgr_hwc))
                for row, crop in crops
            ]
            identities: list[Identity] = []
            for start in range(
                0, len(references), len(jobs) or 1
            ):  # a beat as often as with one crop of each
                identities += self._generator.identify(references[start : start + len(jobs)])
                beat()
            names, shape = [pose.name for pose in self._poses], self._generator.latent_shape
            noises = [self._noise.draw(reference.name, names, shape) for reference in references]
            pairs = []
            for row in range(len(jobs)):
                mine = [place for place, (owner, _) in enumerate(crops) if owner == row]
                turns = [mine[column % len(mine)] for column in range(len(names))]
                pairs += [Pair(place, column, noises[place][column]) for column, place in enumerate(turns)]
            images = self._generator.draw(identities, self._poses, pairs, on_step=lambda *_: beat())
            beat()
            owners = [row for row, _ in crops]
            return self._judge_and_embed(jobs, identities, owners, images, pairs, beat)

    def _judge_and_embed(
        self,
        jobs: Sequence[IpgJob],
        identities: Sequence[Identity],
        owners: Sequence[int],
        images: Sequence[NDArray[np.uint8]],
        pairs: Sequence[Pair],
        beat: Callable[[], None],
    ) -> list[Drawn]:
        """Per job its prototype; ``owners`` are the jobs of the identities, ``pairs`` lie in pose order."""
        real = [np.asarray(one.feature, dtype=np.float32) for one in identities]
        present = {job.identity for job in jobs}
        others = [(who, feature) for who, feature in self._rivals if who not in present]
        drawn = self._generator.describe(images)
        people = [*(jobs[row].identity for row in owners), *(who for who, _ in others)]
        features = np.stack([*real, *(feature for _, feature in others)])
        least = self._generator.options.similarity_min
        firsts = [real[owners.index(row)] for row in range(len(jobs))]
        self._rivals.extend((job.identity, feature) for job, feature in zip(jobs, firsts, strict=True))
        beat()
        results = []
        for row, job in enumerate(jobs):
            mine = [place for place, pair in enumerate(pairs) if owners[pair.identity] == row]
            shown = [pairs[place].identity for place in mine]
            verdict = (
                judge(drawn[mine], shown, features, people, similarity_min=least)
                if least > -1  # else all are kept, as the option says
                else Verdict(np.ones(len(mine), bool), np.zeros(0, np.float32), 0, 0)
            )
            kept = [place for place, keep in zip(mine, verdict.kept.tolist(), strict=True) if keep]
            poses = [self._poses[pairs[place].pose].name for place in kept]
            results.append(
                Drawn(
                    self._prototype(job, [images[place] for place in kept], poses, len(mine)),
                    verdict.too_far,
                    verdict.like_another,
                )
            )
            beat()
        return results

    def _prototype(
        self, job: IpgJob, images_rgb: Sequence[NDArray[np.uint8]], poses: Sequence[str], count: int
    ) -> Prototype:
        pictures = [np.ascontiguousarray(image[:, :, ::-1]) for image in images_rgb]
        vectors = self._embedder.describe(
            [
                Crop(job.reference.camera, 0, 0, job.reference.captured_at_ns, 1.0, picture)
                for picture in pictures
            ]
        )
        usable = [place for place, vector in enumerate(vectors) if vector is not None]
        shape = images_rgb[0].shape if len(images_rgb) else (0, 0, 3)
        return Prototype(
            identity=job.identity,
            version=0,  # the store counts
            made_at_ns=time.time_ns(),
            real=job.real,
            generated=np.stack([v for v in vectors if v is not None])
            if usable
            else np.zeros((0, len(job.real)), np.float32),
            eta=self._eta,
            poses=tuple(poses[place] for place in usable),
            rejected=count - len(usable),
            model=job.model,
            generator=self.generator,
            reference=job.reference,
            pictures_bgr_mhwc=np.stack([pictures[place] for place in usable])
            if usable
            else np.zeros((0, *shape), np.uint8),
        )


def _behind(device: torch.device) -> AbstractContextManager[object]:
    """On a GPU a stream of the lowest priority; elsewhere nothing."""
    import torch

    if device.type != "cuda":
        return nullcontext()
    streams: Any = torch.cuda.Stream  # its types think priority_range() were no static method
    return torch.cuda.stream(streams(device, priority=streams.priority_range()[0]))


def _open_embedder(setup: Setup) -> Embedder:
    from edge.backends import check_ports, open_session
    from edge.config.catalog import load_card
    from edge.config.pipeline import EmbedSpec
    from edge.config.weights import find_weights
    from edge.stages.embed import Embedder

    card = load_card(setup.embed_model)
    if card.fingerprint != setup.model:
        raise ModelError(f"the live ReID model is {setup.model}, but {card.fingerprint} is on disk now")
    threads = setup.spec.budget.threads
    session = open_session(
        find_weights(card), backend=setup.embed_backend, threads=threads, card_name=card.name
    )
    check_ports(session, card)
    return Embedder(card, session, EmbedSpec(model=setup.embed_model, threads=threads, flip=setup.flip))


def _fingerprint(
    spec: IpgSpec, folder: Path, options: Options, poses: Sequence[tuple[str, NDArray[np.uint8]]]
) -> str:
    """Name and digest of the generator: weights (their ends and sizes), settings and poses."""
    digest = hashlib.sha256()
    settings = {key: value for key, value in asdict(options).items() if key not in _ONLY_SPEED}
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for name, image in poses:
        digest.update(name.encode() + image.tobytes())
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".pth", ".bin", ".safetensors", ".json"):
            size = path.stat().st_size
            digest.update(f"{path.relative_to(folder).as_posix()} {size}".encode())
            with path.open("rb") as file:
                digest.update(file.read(_SAMPLE_BYTES))
                file.seek(max(size - _SAMPLE_BYTES, 0))
                digest.update(file.read(_SAMPLE_BYTES))
    return f"{Path(spec.model).name}@{digest.hexdigest()[:12]}"


def _name(crop: Crop) -> str:
    """What decides the noise: the crop, so that the same one is drawn the same way again."""
    return f"{crop.camera}/{crop.track}/{crop.captured_at_ns}"


def _rgb(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image_bgr[:, :, ::-1])
