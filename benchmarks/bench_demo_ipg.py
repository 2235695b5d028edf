"""What the demo generator's pictures are worth, on drawn people it has never seen.

``python benchmarks/bench_demo_ipg.py`` prints one JSON line. For each of three sets of people (seeds that
nothing was trained on), every view is another camera; two views of a person ask, the others answer, and
``demo-reid`` describes real and generated pictures alike:

* ``fidelity``: cosine of generated pictures to the person's other real crops (``reid``, by demo-reid;
  ``steering``, by the network that steers the generator), ``fast`` and ``exact`` on the same people.
* ``crops``, ``tracklets``: mAP and ID² without and with :func:`edge.centralize.fuse_generated`, eight poses,
  the preset ``fast`` with its gate; a tracklet is the mean of a person's asking, or answering, views. Its
  pictures are drawn from the first of them (``fused``), or from all in turn, as a worker does (``turns``).
* ``curves`` (``--curves``): the same mAP and ID² over the number of poses, eta, steps and guidance.
* ``ms_per_identity``: CPU time of one identity in eight poses on one thread, the least and the median.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median, pstdev
from typing import TYPE_CHECKING, Any

from bench_live import commit, machine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge.ipg.generator import Generator
    from edge.ipg.options import Options

FIRST_SEED, NEXT_SET = 50_000_000_000, 1_000_000_000
ASKING = 2  # views of a person
AT_ONCE = 4  # identities
ETAS = (0.0, 0.05, 0.1, 0.125, 0.2, 0.5, 2.0)
STEPS = (2, 5, 12)
GUIDANCES = (1.0, 2.0, 3.5)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Generated pictures of n references in m poses.

    images_rgb: n lists of m pictures
    cosines: float (n, m)  to the reference, by the steering network
    features: float32 (n, m, d)  of demo-reid
    """

    images_rgb: list[list[NDArray[np.uint8]]]
    cosines: NDArray[np.float32]
    features: NDArray[np.float32]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--model", default="demo-ipg", help="name or folder; default: %(default)s")
    options.add_argument("--people", type=int, default=40, help="in each set; default: %(default)s")
    options.add_argument("--views", type=int, default=5, help="of each; default: %(default)s")
    options.add_argument("--sets", type=int, default=3, help="of people; default: %(default)s")
    options.add_argument(
        "--exact", type=int, default=12, help="people of each drawn exactly; default: %(default)s"
    )
    options.add_argument("--eta", type=float, default=0.125, help="default, as a pipeline's: %(default)s")
    options.add_argument("--guidance", type=float, help="of fast; what the generator advises unless given")
    options.add_argument("--curves", action="store_true", help="also over poses, eta, steps, guidance")
    options.add_argument("--grid", type=Path, help="write some pictures here, .png or .jpg")
    options.add_argument("--cache", type=Path, default=Path("out/drawn"), help="drawn pictures are kept here")
    options.add_argument("--json", action="store_true", help="nothing on stderr")
    given = options.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    from edge.ipg.folder import open_generator, weights_folder
    from edge.ipg.options import options_for

    torch.set_num_threads(1)
    model = Path(given.model) if "/" in given.model else given.model
    fast = options_for("fast", weights_folder(model), {"guidance": given.guidance})
    sets = [measure(given, model, fast, number) for number in range(given.sets)]
    result: dict[str, Any] = {
        "benchmark": "demo_ipg",
        "machine": machine(),
        "commit": commit(),
        "people": given.people,
        "views": given.views,
        "sets": given.sets,
        "eta": given.eta,
        **summary(sets),
        "ms_per_identity": timing(open_generator(model, fast)),
    }
    if given.curves:
        result["curves"] = curves(given, model, fast)
    if given.grid is not None:
        write_grid(given, model, fast)
    print(json.dumps(result))
    return 0


def note(given: argparse.Namespace, line: str) -> None:
    if not given.json:
        print(line, file=sys.stderr, flush=True)


def people_of(given: argparse.Namespace, number: int) -> NDArray[np.uint8]:
    """uint8 (people, views, h, w, 3), blue first."""
    from edge.site.picture_store import draw_crops

    first = FIRST_SEED + number * NEXT_SET
    return draw_crops(given.cache, first, given.people, given.views).images_bgr_pvhwc


def describe(images_bgr: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """float32 (n, d), unit rows, by demo-reid."""
    from edge.cli.held_out import describe_crops
    from edge.config.catalog import load_card
    from edge.config.weights import find_weights

    card = load_card("demo-reid")
    return describe_crops(find_weights(card), card, images_bgr)


def draw(generator: Generator, references_bgr: Sequence[NDArray[np.uint8]], name: str) -> Drawn:
    """All references in the eight standard poses."""
    import numpy as np

    from edge.ipg.generator import Pair
    from edge.ipg.noise import make_noise
    from edge.ipg.pictures import Reference
    from edge.ipg.poses import pose_pictures
    from edge.ipg.skeleton import standard_skeletons

    poses = [generator.pose(one.name, one.image_rgb) for one in pose_pictures(standard_skeletons())]
    noise = make_noise(generator.options)
    images: list[list[NDArray[np.uint8]]] = []
    for start in range(0, len(references_bgr), AT_ONCE):
        part = references_bgr[start : start + AT_ONCE]
        named = [
            Reference(f"{name}-{start + row}", str(start + row), np.ascontiguousarray(image[:, :, ::-1]))
            for row, image in enumerate(part)
        ]
        noises = [
            noise.draw(one.name, [pose.name for pose in poses], generator.latent_shape) for one in named
        ]
        pairs = [
            Pair(row, column, noises[row][column]) for row in range(len(part)) for column in range(len(poses))
        ]
        drawn = generator.draw(generator.identify(named), poses, pairs)
        images += [drawn[at : at + len(poses)] for at in range(0, len(drawn), len(poses))]
    flat = [image for row in images for image in row]
    own = unit(generator.describe([image[:, :, ::-1] for image in references_bgr]))
    steering = unit(generator.describe(flat)).reshape(len(images), len(poses), -1)
    features = describe([np.ascontiguousarray(image[:, :, ::-1]) for image in flat])
    return Drawn(
        images, np.einsum("nmd,nd->nm", steering, own), features.reshape(len(images), len(poses), -1)
    )


def measure(given: argparse.Namespace, model: str | Path, fast: Options, number: int) -> dict[str, float]:
    """Everything about one set of people, flat."""
    import numpy as np

    from edge.ipg.folder import open_generator
    from edge.ipg.options import PRESETS

    crops = people_of(given, number)
    people, views = crops.shape[:2]
    flat = list(crops.reshape(-1, *crops.shape[2:]))
    real = describe(flat).reshape(people, views, -1)
    generator = open_generator(model, fast)
    drawn = draw(generator, flat, f"set{number}")
    features = drawn.features.reshape(people, views, *drawn.features.shape[1:])
    kept = (drawn.cosines >= fast.similarity_min).reshape(people, views, -1)
    found: dict[str, float] = {"kept": float(kept.mean())}
    for name, values in scores(real, features, kept, given.eta).items():
        found |= {f"{name}.{key}": value for key, value in values.items()}
    # Fidelity: of the first view's pictures to the person's other views, both presets with the same noise.
    few = min(given.exact, people)
    exact = draw(
        open_generator(model, PRESETS["exact"]), [crops[one, 0] for one in range(few)], f"set{number}-exact"
    )
    again = draw(generator, [crops[one, 0] for one in range(few)], f"set{number}-exact")
    steering = unit(generator.describe([image[:, :, ::-1] for image in flat])).reshape(people, views, -1)
    for name, pictures in (("exact", exact), ("fast", again)):
        found[f"fidelity.{name}_reid"] = to_others(pictures.features, real[:few])
        own = unit(generator.describe([one for row in pictures.images_rgb for one in row]))
        found[f"fidelity.{name}_steering"] = to_others(own.reshape(few, 8, -1), steering[:few])
        found[f"fidelity.{name}_reference_steering"] = float(pictures.cosines.mean())
    found["fidelity.real_reid"] = to_others(real[:few, :1], real[:few])
    shuffled = np.roll(again.features, 1, axis=0)
    found["fidelity.others_reid"] = to_others(shuffled, real[:few])
    note(given, f"set {number}: {json.dumps({key: round(value, 3) for key, value in found.items()})}")
    return found


def to_others(pictures: NDArray[np.float32], real: NDArray[np.float32]) -> float:
    """Mean cosine of pictures (n, m, d) to the centre of each person's views (n, v, d) but the first."""
    import numpy as np

    return float(np.einsum("nmd,nd->nm", pictures, unit(real[:, 1:].mean(axis=1))).mean())


def scores(
    real: NDArray[np.float32], drawn: NDArray[np.float32], kept: NDArray[np.bool_], eta: float
) -> dict[str, dict[str, float]]:
    """MAP and ID² of single crops and of tracklets, without and with generated pictures."""
    import numpy as np

    from edge.centralize import fuse_generated

    people, views, dim = real.shape
    flat = real.reshape(-1, dim)
    fused = fuse_generated(
        flat, drawn.reshape(people * views, -1, dim), eta, kept.reshape(people * views, -1)
    )
    tracklets = np.stack([real[:, :ASKING].mean(axis=1), real[:, ASKING:].mean(axis=1)], axis=1)
    own = unit(tracklets.reshape(-1, dim))
    poses = np.arange(drawn.shape[2])

    def fuse_own(views_of: NDArray[np.int64]) -> NDArray[np.float32]:
        """Tracklets with pictures; (2, poses), the view that each pose is drawn from."""
        pictures, gate = (of[:, views_of, poses].reshape(people * 2, len(poses), -1) for of in (drawn, kept))
        return fuse_generated(own, pictures, eta, gate[:, :, 0])

    firsts = np.stack([0 * poses, ASKING + 0 * poses])
    turns = np.stack([poses % ASKING, ASKING + poses % (views - ASKING)])
    return {
        "crops.plain": score(flat, views, ASKING),
        "crops.fused": score(fused, views, ASKING),
        "tracklets.plain": score(own, 2, 1),
        "tracklets.fused": score(fuse_own(firsts), 2, 1),
        "tracklets.turns": score(fuse_own(turns), 2, 1),
    }


def score(features: NDArray[np.float32], views: int, asking: int) -> dict[str, float]:
    """mAP, rank-1 and ID² of (people * views, d) rows."""
    import numpy as np

    from edge.centralize import identity_density
    from edge.evaluate.retrieval import Labels, distances_between, score_retrieval

    people = len(features) // views
    persons, cameras = np.repeat(np.arange(1, people + 1), views), np.tile(np.arange(views), people)
    asks = cameras < asking
    found = score_retrieval(
        distances_between(features[asks], features[~asks]),
        Labels(persons[asks], cameras[asks]),
        Labels(persons[~asks], cameras[~asks]),
    )
    return {"map": found.map, "rank1": found.rank1, "id2": float(identity_density(features, persons).mean())}


def curves(given: argparse.Namespace, model: str | Path, fast: Options) -> dict[str, Any]:
    """Over poses, eta, steps and guidance, on the first set of people, without the gate."""
    import numpy as np

    from edge.ipg.folder import open_generator

    crops = people_of(given, 0)
    people, views = crops.shape[:2]
    flat = list(crops.reshape(-1, *crops.shape[2:]))
    real = describe(flat).reshape(people, views, -1)

    def features(options: Options) -> NDArray[np.float32]:
        drawn = draw(open_generator(model, options), flat, "set0")
        return drawn.features.reshape(people, views, *drawn.features.shape[1:])

    def point(own: NDArray[np.float32], eta: float) -> dict[str, float]:
        found = scores(real, own, np.ones(own.shape[:3], bool), eta)["crops.fused"]
        return {key: round(value, 4) for key, value in found.items()}

    base = features(fast)
    rng = np.random.default_rng(1)
    orders = [rng.permutation(8) for _ in range(4)]  # which poses come first is chance
    result: dict[str, Any] = {
        "eta": {str(eta): point(base, eta) for eta in ETAS},
        "poses": {
            str(count): {
                key: round(
                    mean(point(base[:, :, order[:count]], 8 * given.eta / count)[key] for order in orders), 4
                )
                for key in ("map", "id2")
            }
            for count in range(1, 9)
        },
    }
    note(given, json.dumps(result))
    result["steps"] = {str(one): point(features(replace(fast, steps=one)), given.eta) for one in STEPS}
    note(given, json.dumps(result["steps"]))
    result["guidance"] = {
        str(one): point(features(replace(fast, guidance=one)), given.eta) for one in GUIDANCES
    }
    note(given, json.dumps(result["guidance"]))
    return result


def timing(generator: Generator) -> dict[str, float]:
    """CPU milliseconds of one identity in eight poses, networks and poses ready."""
    import numpy as np

    reference = np.random.default_rng(0).integers(0, 256, (128, 64, 3), dtype=np.uint8)
    times = []
    for run in range(7):
        started = time.process_time()
        draw_once(generator, reference, run)
        times.append(1000 * (time.process_time() - started))
    return {"least": round(min(times[1:]), 1), "median": round(median(times[1:]), 1)}


def draw_once(generator: Generator, reference_bgr: NDArray[np.uint8], run: int) -> None:
    import torch

    from edge.ipg.generator import Pair
    from edge.ipg.pictures import Reference
    from edge.ipg.poses import pose_pictures
    from edge.ipg.skeleton import standard_skeletons

    poses = [generator.pose(one.name, one.image_rgb) for one in pose_pictures(standard_skeletons())]
    noise = torch.randn(8, *generator.latent_shape, generator=torch.Generator().manual_seed(run))
    [identity] = generator.identify([Reference("timed", "timed", reference_bgr)])
    images = generator.draw([identity], poses, [Pair(0, row, noise[row]) for row in range(8)])
    generator.describe(images)


def write_grid(given: argparse.Namespace, model: str | Path, fast: Options) -> None:
    """Six people: the reference, the eight pictures, and another real view."""
    import numpy as np
    from PIL import Image

    from edge.ipg.folder import open_generator
    from edge.ipg.pictures import save_picture

    crops = people_of(given, 0)[:6]
    drawn = draw(open_generator(model, fast), list(crops[:, 0]), "set0")
    rows = []
    for person, pictures in enumerate(drawn.images_rgb):
        shown = [crops[person, 0][:, :, ::-1], *pictures, crops[person, 1][:, :, ::-1]]
        sized = [
            np.asarray(Image.fromarray(np.ascontiguousarray(one)).resize((64, 128), Image.Resampling.BICUBIC))
            for one in shown
        ]
        rows.append(np.concatenate(sized, axis=1))
    save_picture(np.concatenate(rows), given.grid)


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def summary(sets: list[dict[str, float]]) -> dict[str, Any]:
    """Mean and spread over the sets, nested by the parts of the names."""
    result: dict[str, Any] = {}
    for name in sets[0]:
        values = [one[name] for one in sets]
        place = result
        *folders, leaf = name.split(".")
        for folder in folders:
            place = place.setdefault(folder, {})
        place[leaf] = {"mean": round(mean(values), 4), "spread": round(pstdev(values), 4)}
    return result


if __name__ == "__main__":
    sys.exit(main())
