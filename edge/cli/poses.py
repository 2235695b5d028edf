"""Body of ``edge poses find``."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path

from edge.cli.generate import require_packages
from edge.cli.progress import progress_bars
from edge.errors import ConfigError

__all__ = ["find"]


def find(model: str, pictures: Path, out: Path, score_min: float, json: bool) -> int:
    """Find the pose in every picture of a folder and write all of them into one file.

    Args:
        model: a card's name, or the path of a card or of its folder.
        pictures: the folder; a pose is called as its picture.
        out: the file of keypoints.
        score_min: keypoints of lower scores count as not seen.
        json: print one JSON object.

    Returns:
        0; what was passed over is reported.

    Raises:
        ConfigError: no such folder or card, a card of another task, or nobody's pose was found.
        StartError: weights or a package are missing.
        OutputError: the file cannot be written.
    """
    require_packages("PIL")
    from edge.backends import check_ports, open_session
    from edge.config.catalog import load_card
    from edge.config.weights import find_weights
    from edge.ipg.keypoints import PoseFinder, write_keypoints
    from edge.ipg.pictures import PICTURE_SUFFIXES, read_picture

    card = load_card(model)
    if card.task != "pose":
        raise ConfigError(f"model '{card.name}' is made to {card.task}, not to find poses")
    try:
        files = sorted(path for path in pictures.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=str(pictures)) from None
    if not files:
        raise ConfigError("holds no picture", file=str(pictures))
    skeletons, skips = [], []
    session = open_session(find_weights(card), card_name=card.name)
    try:
        check_ports(session, card)
        finder = PoseFinder(card, session)
        with progress_bars() as progress_of:
            progress = progress_of("poses")
            for number, path in enumerate(files, 1):
                if progress is not None:
                    progress(number, len(files))
                image = read_picture(path)
                if isinstance(image, str):
                    skips.append((path, image))
                    continue
                skeleton = finder.skeleton(path.stem, image[:, :, ::-1].copy(), score_min)
                if skeleton is None:
                    skips.append((path, f"shows no keypoint with a score of {score_min:g} or more"))
                else:
                    skeletons.append(skeleton)
    finally:
        session.close()
    for path, reason in skips:
        print(f"{path}: {reason}", file=sys.stderr)
    if not skeletons:
        raise ConfigError("no pose was found in any picture; see the reasons above", file=str(pictures))
    write_keypoints(skeletons, out)
    if json:
        print(jsonlib.dumps({"poses": len(skeletons), "skipped": len(skips), "out": str(out)}))
    else:
        print(f"{len(skeletons)} poses of {len(files)} pictures: {out}")
    return 0
