"""The DeepStream front: NVIDIA's plugins decode, detect, track and embed; the rest of the pipeline is ours.

One model of the graph (:mod:`~edge.fronts.deepstream.graph`), configuration files written from it and
checked against the plugins' keys, and two drivers: ``pyds`` for DeepStream 7.1 and PyServiceMaker from 9.1
on. Neither is imported before it is needed.
"""

from __future__ import annotations
