"""The box parser that nvinfer loads: its source, the header made from a card, and how it is compiled.

nvinfer has no parser for YOLOX or for our decoded boxes, and a box that it does not find cannot be tracked.
So every set brings a small C++ library, compiled where DeepStream's headers are.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from edge.config.card import ModelCard
from edge.errors import StartError
from edge.fronts.deepstream.codes import INSTALLED_AT
from edge.fronts.deepstream.nvinfer import PARSER_FUNCTION, PARSER_LIBRARY

__all__ = ["build_parser", "find_parser", "parser_files"]

_DECODERS = {"boxes-scores": 0, "yolox": 1, "yolov8": 2, "yolo-end2end": 3}
_BOX_FORMATS = {"xyxy": 0, "xywh": 1, "cxcywh": 2}
_BUILD_LIMIT_S = 300.0

_FOLDERS_VARIABLE = "EDGE_DEEPSTREAM_PARSERS"


def _makefile(card: ModelCard) -> str:
    library = Path(PARSER_LIBRARY).name
    return f"""\
# Compiles the box parser for nvinfer; needs g++ and DeepStream's headers. `make install DESTDIR=...` puts it
# where {_FOLDERS_VARIABLE} finds it, for machines without either.
DEEPSTREAM ?= {INSTALLED_AT}
CUDA ?= /usr/local/cuda
CXXFLAGS ?= -O2

{library}: edge_parser.cpp edge_model.h
\t$(CXX) -std=c++17 $(CXXFLAGS) -Wall -Wextra -fPIC -shared -I$(DEEPSTREAM)/sources/includes \\
\t  -I$(CUDA)/include -o $@ edge_parser.cpp

install: {library}
\tinstall -D -m 0644 {library} $(DESTDIR)/{_installed_name(card)}

.PHONY: install
"""


def _installed_name(card: ModelCard) -> str:
    """File name of a compiled parser: it holds the card's constants, so it says whose."""
    return f"{card.fingerprint.replace('@', '-')}.so"


def find_parser(card: ModelCard) -> Path | None:
    """Return a parser compiled for a card from a folder of ``EDGE_DEEPSTREAM_PARSERS``, if there is one."""
    for folder in os.environ.get(_FOLDERS_VARIABLE, "").split(os.pathsep):
        library = Path(folder) / _installed_name(card)
        if folder and library.is_file():
            return library.absolute()
    return None


def parser_files(card: ModelCard, score_min: float) -> dict[str, str]:
    """Return the files of ``parser/`` by name.

    Args:
        card: the detector.
        score_min: least score where nvinfer gives the parser none.
    """
    options = card.decoder_options
    constants = {
        "EDGE_DECODER": str(_DECODERS[card.decoder]),
        "EDGE_BOXES": json.dumps(card.boxes_output),
        "EDGE_SCORES": json.dumps(options.scores_output or ""),
        "EDGE_BOX_FORMAT": str(_BOX_FORMATS[options.box_format]),
        "EDGE_FRACTION": str(int(options.box_units == "fraction")),
        "EDGE_PERSON": str(options.person_class),
        "EDGE_CLASSES": str(options.class_count),
        "EDGE_STRIDES": ", ".join(map(str, options.strides)),
        "EDGE_SCORE_MIN": f"{score_min:.6f}F",
    }
    header = f"// What the detector '{card.fingerprint}' is like; written from its card.\n#pragma once\n\n"
    header += "".join(f"#define {name} {value}\n" for name, value in constants.items())
    return {
        "edge_parser.cpp": Path(__file__).with_name("edge_parser.cpp").read_text(encoding="utf-8"),
        "edge_model.h": header,
        "Makefile": _makefile(card),
    }


def build_parser(folder: Path) -> Path:
    """Compile the parser of a set, unless it is there and newer than its source.

    Args:
        folder: the set's folder.

    Returns:
        The library.

    Raises:
        StartError: there is no compiler or there are no headers; says what to do.
    """
    library = folder / PARSER_LIBRARY
    remedy = (
        "it needs make, g++ and DeepStream's headers (the triton-multiarch image has them; "
        "docs/deepstream.md says how to bring a library that was compiled elsewhere)"
    )
    command = ["make", "--silent", "-C", str(library.parent), library.name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StartError(f"cannot compile the box parser '{PARSER_FUNCTION}' ({error}); {remedy}") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        reason = next((line for line in last if "error" in line.lower()), last[-1])
        raise StartError(f"cannot compile the box parser in {library.parent} ({reason}); {remedy}")
    return library
