"""What each ingredient of identity is worth on the synthetic site, where the truth is known.

``python benchmarks/bench_site_identity.py`` renders the sites (kept in the cache), runs the pipeline once on
each of them up to the identify stage, and keeps what that stage was told in the cache too. Then it plays
the same tracklets through refine and identify as they are, and with one ingredient left out at a time, and
prints one JSON line: cross-camera IDF1 and HOTA by preset, with their mean and spread over the seeds.

``gain`` is what the run has over the run without that ingredient, seed by seed: a gain whose ``min`` and
``max`` differ in sign is no gain. Nothing is measured against the clock, so a busy machine does not matter.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from bench_live import commit, machine

FULL = "full"
PORTRAITS = "with true portraits"  # its gain is that of having them


def main() -> int:
    options = argparse.ArgumentParser(description="Cross-camera IDF1 on the synthetic site, by ingredient.")
    options.add_argument("--presets", default="demo", help="comma between them; default: %(default)s")
    options.add_argument("--seeds", default="0,1,2", help="default: %(default)s")
    options.add_argument("--pipeline", default="demo", help="name or file; default: %(default)s")
    options.add_argument(
        "--portraits", action="store_true", help="also what generated views could bring at best"
    )
    given = options.parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    seeds = [int(seed) for seed in given.seeds.split(",")]
    presets = given.presets.split(",")
    scores = {
        preset: [score_site(preset, seed, given.pipeline, given.portraits) for seed in seeds]
        for preset in presets
    }
    print(
        json.dumps(
            {
                "bench": "site_identity",
                "machine": machine(),
                "commit": commit(),
                "pipeline": given.pipeline,
                "seeds": seeds,
                "presets": {preset: summary(rows) for preset, rows in scores.items()},
            }
        )
    )
    return 0


def score_site(preset: str, seed: int, pipeline: str, portraits: bool) -> dict[str, dict[str, float]]:
    """Cross-camera scores of one site, full and with each ingredient left out."""
    from edge.assemble import places_and_times
    from edge.cli.cached_site import cached_site
    from edge.config.cameras import load_cameras
    from edge.config.pipeline import load_pipeline
    from edge.evaluate.replay_tracks import SWITCHES, Settings, score_replay_tracks, without
    from edge.evaluate.site_score import read_site_truth

    spec = load_pipeline(pipeline)
    folder = cached_site(preset, seed, lambda line: print(line, file=sys.stderr))
    log = recorded(folder, pipeline)
    truth = read_site_truth(folder)
    grounds, travel = places_and_times(load_cameras(folder / "cams.yaml"))
    full = Settings(spec.refine, spec.identify, grounds, travel)
    off = [name for name in SWITCHES if name != "prototypes" or log.prototypes]
    variants = {FULL: full} | {name: without(full, name) for name in off}
    logs = dict.fromkeys(variants, log)
    if portraits:
        from true_portraits import with_portraits

        variants[PORTRAITS] = full
        logs[PORTRAITS] = with_portraits(log, preset, seed, spec, truth)
    found = {}
    for name, settings in variants.items():
        score = score_replay_tracks(logs[name], settings, truth)
        found[name] = {
            "idf1": score.across.idf1,
            "hota": score.across.hota,
            "each_idf1": score.overall.idf1,
            "identities": score.across.result_ids,
        }
        title = name if name in (FULL, PORTRAITS) else f"without {name}"
        print(
            f"{preset} {seed}  {title:24} IDF1 across {score.across.idf1:.3f}  HOTA across "
            f"{score.across.hota:.3f}  IDF1 each {score.overall.idf1:.3f}  "
            f"{score.across.result_ids} of {score.across.truth_ids} people",
            file=sys.stderr,
        )
    return found


def recorded(folder: Path, pipeline: str) -> Any:
    """What identify was told in a run on a site; kept as long as everything before identify is the same."""
    from edge.assemble import assemble
    from edge.config.cameras import load_cameras
    from edge.config.catalog import load_card
    from edge.config.pipeline import load_pipeline
    from edge.evaluate.tracklet_log import TrackletLog, load_log, save_log
    from edge.resources import cache_dir

    spec = load_pipeline(pipeline)
    parts = {"detect", "track", "crop", "embed", "tracklet"} | ({"ipg"} if spec.ipg.workers else set())
    before = spec.model_dump_json(include=parts)
    names = [spec.detect.model, spec.embed.model, *([spec.ipg.model] if spec.ipg.workers else [])]
    models = [load_card(name).fingerprint for name in names]
    if spec.ipg.workers:  # the weights' folder may advise how it is drawn
        from edge.ipg.drawing import drawing_options
        from edge.ipg.folder import weights_folder

        models.append(repr(drawing_options(spec.ipg, weights_folder(spec.ipg.model))))
    site = (folder / "site.json").read_text()
    key = hashlib.sha256("\0".join([before, *models, site]).encode()).hexdigest()[:20]
    cache = cache_dir() or Path(tempfile.gettempdir())
    file = cache / "tracklets" / f"{folder.name}-{key}.npz"
    if file.is_file():
        return load_log(file)
    cameras = load_cameras(folder / "cams.yaml")
    log = TrackletLog([camera.name for camera in cameras.cameras])
    with tempfile.TemporaryDirectory(prefix="bench-site-") as name:
        result = assemble(cameras, spec, Path(name), crops=False, log=log).run()
    if result.exit_code:
        raise SystemExit(f"bench_site_identity: {result.problems}")
    save_log(log, file)
    return log


def summary(rows: Sequence[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Mean and spread over the seeds, and what each ingredient gains."""
    found: dict[str, Any] = {}
    for name in rows[0]:
        found[name] = {key: spread([row[name][key] for row in rows]) for key in rows[0][name]}
        sign = -1.0 if name == PORTRAITS else 1.0
        if name != FULL:
            gains = [sign * (row[FULL]["idf1"] - row[name]["idf1"]) for row in rows]
            found[name]["gain"] = spread(gains)
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "mean": round(mean(values), 4),
        "sd": round(stdev(values), 4) if len(values) > 1 else 0.0,
        "min": round(min(values), 4),
        "max": round(max(values), 4),
    }


if __name__ == "__main__":
    sys.exit(main())
