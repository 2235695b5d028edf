"""How a set is run by ``deepstream-app``: its script and its README."""

from __future__ import annotations

from edge.fronts.deepstream.codes import INSTALLED_AT
from edge.fronts.deepstream.graph import Graph

__all__ = ["readme", "run_script"]

_BROKER_VARIABLES = {"mqtt": "USER_MQTT and PASSWORD_MQTT", "redis": "PASSWORD_REDIS"}


def run_script(graph: Graph, *, own_parser: bool) -> str:
    """Return run.sh: compile the parser, put addresses in from the environment, start, and clean up.

    Addresses with credentials are in no file but one of mode 0600 that lives as long as the run.
    """
    secret = [source for source in graph.sources if source.is_secret]
    lines = [
        "#!/bin/sh",
        f"# Runs deepstream-app (DeepStream {graph.version}) on this set; see README.md.",
        "set -eu",
        'cd "$(dirname "$0")"',
    ]
    lines += [
        f': "${{{source.variable}:?set it to the address of camera {source.name}, password included}}"'
        for source in secret
    ]
    if own_parser:
        lines.append("make --silent -C parser")
    app = f'"${{DEEPSTREAM_APP:-{INSTALLED_AT}/bin/deepstream-app}}"'
    if secret:
        references = " ".join(f"${{{source.variable}}}" for source in secret)
        lines += [
            "umask 077",
            "live=deepstream_app.live.txt",
            "trap 'rm -f \"$live\"' EXIT",
            "trap 'exit 130' INT TERM",
            "# shellcheck disable=SC2016  # envsubst is given names, not values",
            f"envsubst '{references}' <deepstream_app.txt >\"$live\"",
            f'{app} -c "$live"',
        ]
    else:
        lines.append(f"exec {app} -c deepstream_app.txt")
    return "\n".join(lines) + "\n"


def readme(graph: Graph) -> str:
    """Return the set's README.md."""
    secret = [source for source in graph.sources if source.is_secret]
    networks = [f"* {one.card.fingerprint}: {one.scaling.note}" for one in graph.networks if one.scaling.note]
    padded = graph.detector.card.input
    if padded.resize != "stretch" and padded.pad:
        name = graph.detector.card.fingerprint
        networks.append(f"* {name}: nvinfer pads with black where the card says grey {padded.pad}")
    text = f"""\
# DeepStream {graph.version} on {graph.target}, {len(graph.sources)} camera(s)

`./run.sh` compiles the box parser and runs deepstream-app here. Written by `edge deepstream config`; edit
cams.yaml or pipeline.yaml and run it again rather than these files. `edge deepstream check` on this folder
finds misspelt keys.

The identities across cameras are not deepstream-app's: `edge-run --pipeline deepstream` runs the same graph
with them. The first start takes minutes, because TensorRT builds an engine for each network into `models/`.
"""
    if secret:
        names = ", ".join(f"`{source.variable}`" for source in secret)
        text += f"""
No password is in these files. Before `./run.sh` set {names} to the full address of
the camera; it needs `envsubst` (Debian: gettext-base). The file with the addresses has mode 0600 and is
removed at the end.
"""
    if graph.broker is not None and graph.broker.kind in _BROKER_VARIABLES:
        text += f"\nThe broker's password is given by {_BROKER_VARIABLES[graph.broker.kind]}.\n"
    if graph.broker is not None and graph.broker.kind == "kafka":
        text += "\nFor TLS or a password add `proto-cfg` to nvmsgbroker.txt, and give that mode 0600.\n"
    if networks:
        text += "\nNot exactly as the cards say:\n\n" + "\n".join(networks) + "\n"
    return text
