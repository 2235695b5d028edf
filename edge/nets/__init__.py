"""Definitions of the networks that run in torch; each module imports torch, so import them late.

``transreid``, ``ifr``, ``pose_guider``, ``unets``, ``vae`` and ``reference_attention`` are what the
pedestrian generator (IPG) consists of; ``checkpoints`` reads published weights into them; ``manifests``
knows their keys without building them. ``person_detector`` and ``person_embedder`` are the small networks
that ship with the project. This package itself imports nothing.
"""
