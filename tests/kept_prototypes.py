"""Prototypes to keep, and a process that keeps them until it is killed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edge.records import Crop, Prototype
from edge.stores import PrototypeStore

MODEL, GENERATOR = "reid@1", "ipg@1"
OPENED: list[PrototypeStore] = []
POSES = ("front", "back", "left side")


def prototype_of(
    identity: int,
    version: int = 1,
    *,
    seed: int = 0,
    pictures: int = 2,
    quality: float = 0.5,
    model: str = MODEL,
    generator: str = GENERATOR,
    size_px: tuple[int, int] = (32, 16),
) -> Prototype:
    """A prototype of noise, another one for each identity, version and seed."""
    rng = np.random.default_rng([identity, version, seed])
    vectors = rng.standard_normal((pictures + 1, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    images = rng.integers(0, 255, (pictures + 1, *size_px, 3), dtype=np.uint8)
    return Prototype(
        identity=identity,
        version=version,
        made_at_ns=1_700_000_000 * 10**9 + version,
        real=vectors[0],
        generated=vectors[1:],
        eta=1.5,
        poses=POSES[:pictures],
        rejected=1,
        model=model,
        generator=generator,
        reference=Crop("door", 7, 120, 1_700_000_000 * 10**9, quality, images[0]),
        pictures_bgr_mhwc=images[1:],
    )


def open_store(path: Path, **options: object) -> PrototypeStore:
    """The store, with bounds nothing in these tests reaches."""
    store = PrototypeStore(path, **({"ttl_s": 3600.0, "bytes_max": 10**9} | options))  # type: ignore[arg-type]
    OPENED.append(store)
    return store


def write_until_killed(path: Path, people: int) -> None:
    """Put prototypes of some people in turn; each put that returned is said on standard output."""
    store = open_store(path)
    version = 0
    while True:
        version += 1
        for identity in range(1, people + 1):
            held = store.get(identity)
            made = prototype_of(identity, (held.version if held else 0) + 1)
            sequence = store.put(made)
            sys.stdout.write(f"{sequence} {identity} {made.version}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    write_until_killed(Path(sys.argv[1]), int(sys.argv[2]))
