"""The images, compose.yaml and the manifest, as far as they can be judged without building anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from edge.stages.sink import Address

IMAGES = ("cpu", "dgpu", "jetson")


@pytest.fixture(scope="module")
def docker(checkout: Path) -> Path:
    folder = checkout / "docker"
    if not (folder / "Dockerfile.cpu").is_file():
        pytest.skip("no docker/ beside these tests (they run against a wheel)")
    return folder


def instructions(docker: Path, image: str) -> list[tuple[str, str]]:
    """Instruction and the rest of it, continued lines joined."""
    text = (docker / f"Dockerfile.{image}").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [
        (name, rest)
        for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())
    ]


def tool(name: str) -> str:
    """A linter of the dev extra, or of the machine."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if not found:
        pytest.skip(f"no {name} here (it is in the extra dev)")
    return found


@pytest.mark.parametrize("image", IMAGES)
def test_hadolint_is_content(docker: Path, image: str) -> None:
    command = [tool("hadolint"), str(docker / f"Dockerfile.{image}")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_shellcheck_is_content_with_the_scripts_of_the_tree(docker: Path) -> None:
    scripts = [file for file in (docker.parent / ".ci").iterdir() if file.read_bytes().startswith(b"#!")]
    assert scripts
    done = subprocess.run(
        [tool("shellcheck"), *map(str, scripts)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("image", IMAGES)
def test_every_source_of_a_copy_exists_and_is_not_ignored(docker: Path, image: str) -> None:
    rules = (docker.parent / ".dockerignore").read_text(encoding="utf-8").split()
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = 0
    for name, rest in instructions(docker, image):
        if name != "COPY" or rest.startswith("--from="):
            continue
        for source in rest.split()[:-1]:
            copied += 1
            assert (docker.parent / source).exists(), source
            assert source.split("/")[0] in allowed, f".dockerignore hides {source}"
    assert copied >= 6


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_made_in_stages_from_pinned_tags_and_does_not_run_as_root(
    docker: Path, image: str
) -> None:
    steps = instructions(docker, image)
    bases = [rest.split()[0] for name, rest in steps if name == "FROM"]
    assert len(bases) >= 2
    arguments = dict(rest.split("=", 1) for name, rest in steps if name == "ARG" and "=" in rest)
    for base in bases:
        tag = re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], base).rpartition(":")[2]
        assert re.match(r"[0-9]+\.[0-9]+", tag), f"{base} is not pinned"
    last = steps[max(i for i, (name, _) in enumerate(steps) if name == "FROM") :]
    assert [rest for name, rest in last if name == "USER"] == ["10001:10001"]
    volumes = next(rest for name, rest in last if name == "VOLUME")
    assert "/data/out" in volumes
    health = next(rest for name, rest in last if name == "HEALTHCHECK")
    assert '"edge", "health", "--out", "/data/out"' in health


def test_both_deepstream_images_differ_only_where_the_machine_does(docker: Path) -> None:
    dgpu, jetson = instructions(docker, "dgpu"), instructions(docker, "jetson")
    assert [name for name, _ in dgpu] == [name for name, _ in jetson]
    different = {name for one, other in zip(dgpu, jetson, strict=True) for name, _ in [one] if one != other}
    assert different == {"ARG", "RUN", "ENV", "HEALTHCHECK"}


def services(docker: Path) -> dict[str, Any]:
    content = yaml.safe_load((docker / "compose.yaml").read_text(encoding="utf-8"))
    return dict(content["services"])


def test_every_service_is_read_only_and_without_capabilities(docker: Path) -> None:
    content = yaml.safe_load((docker / "compose.yaml").read_text(encoding="utf-8"))
    for name, service in services(docker).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert not service["user"].startswith(("0", "root")), name
        if "build" in service:
            assert (docker / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        else:
            assert re.search(r":v?[0-9]+\.[0-9]+\.[0-9]+", service["image"]), f"{name} is not pinned"
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source.startswith("${") or source in content["volumes"], volume
    assert "nvidia" in str(services(docker)["edge-gpu"]["deploy"])


def test_prometheus_asks_where_the_runs_answer(docker: Path) -> None:
    content = yaml.safe_load((docker / "compose.yaml").read_text(encoding="utf-8"))
    asked = yaml.safe_load((docker / "prometheus.yml").read_text(encoding="utf-8"))
    [target] = asked["scrape_configs"][0]["static_configs"][0]["targets"]
    name, _, port = target.partition(":")
    answering = [one for one in content["services"].values() if "EDGE_METRICS" in one.get("environment", {})]
    assert len(answering) == 3
    for one in answering:
        assert one["networks"]["default"]["aliases"] == [name]
        assert Address.parse(one["environment"]["EDGE_METRICS"]) == Address("0.0.0.0", int(port))
        assert "ports" not in one
    assert content["configs"]["prometheus"]["file"] == "./prometheus.yml"
    assert all(port.startswith("127.0.0.1:") for port in content["services"]["prometheus"]["ports"])


def test_docker_compose_takes_the_file(docker: Path) -> None:
    if shutil.which("docker") is None:
        pytest.skip("no docker here")
    probe = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("this docker has no compose")
    command = ["docker", "compose", "-f", str(docker / "compose.yaml"), "--profile", "*", "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_manifest_runs_without_root_and_asks_edge_whether_it_is_alive(docker: Path) -> None:
    documents = list(yaml.safe_load_all((docker / "kubernetes.yaml").read_text(encoding="utf-8")))
    kinds = {one["kind"]: one for one in documents}
    names = {(one["kind"], one["metadata"]["name"]) for one in documents}
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["exec"]["command"][:2] == ["edge", "health"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    for volume in pod["volumes"]:
        if "persistentVolumeClaim" in volume:
            assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in names
        if "configMap" in volume:
            assert ("ConfigMap", volume["configMap"]["name"]) in names
    assert ("Secret", container["envFrom"][0]["secretRef"]["name"]) in names


def test_the_cameras_of_the_manifest_are_right(
    docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge.config.cameras import load_cameras

    documents = list(yaml.safe_load_all((docker / "kubernetes.yaml").read_text(encoding="utf-8")))
    content = next(one for one in documents if one["kind"] == "ConfigMap")["data"]["cams.yaml"]
    secrets = next(one for one in documents if one["kind"] == "Secret")["stringData"]
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "cams.yaml").write_text(content)
    assert [camera.name for camera in load_cameras(tmp_path / "cams.yaml").cameras] == ["door"]


def test_the_packages_for_7_1_are_edges_own_but_for_the_tracker(docker: Path) -> None:
    listed = [
        Requirement(line)
        for line in (docker / "requirements-7.1.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    wanted = {one.name: one for one in map(Requirement, _dependencies(docker))}
    assert {one.name for one in listed} == set(wanted) - {"trackers"} | {"prometheus-client"}
    for one in listed:
        for pin in one.specifier:  # none for what edge itself does not depend on
            assert wanted[one.name].specifier.contains(pin.version)
    assert str(next(one for one in listed if one.name == "numpy").specifier).startswith("==1.26")


def _dependencies(docker: Path) -> list[str]:
    text = (docker.parent / "pyproject.toml").read_text(encoding="utf-8")
    block = text.split("\ndependencies = [", 1)[1].split("\n]", 1)[0]
    return re.findall(r'"([^"]+)"', block)


def resolve(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Let pip say what it would install, in an environment that holds nothing."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    python = folder / "bare" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "bare")], check=True)
    command = [str(python), "-m", "pip", "install", "--dry-run", "--quiet", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_pip_step_of_the_cpu_image_can_be_done(docker: Path, tmp_path: Path) -> None:
    constraints = str(docker.parent / "constraints.txt")
    done = resolve("-c", constraints, *_dependencies(docker), folder=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_pip_step_for_7_1_can_be_done_on_both_machines(
    docker: Path, machine: str, tmp_path: Path
) -> None:
    pins = tmp_path / "pins.txt"
    lines = (docker.parent / "constraints.txt").read_text(encoding="utf-8").splitlines()
    kept = [Requirement(line.split("#")[0]) for line in lines if line.split("#")[0].strip()]
    old = {"python_version": "3.10", "python_full_version": "3.10.12"}  # pip would take this Python's
    pins.write_text(
        "\n".join(
            f"{one.name}{one.specifier}"
            for one in kept
            if one.name not in ("numpy", "opencv-python") and (one.marker is None or one.marker.evaluate(old))
        )
    )
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in (17, 27, 28)] + [f"manylinux2014_{machine}"]
    arguments = ["--python-version", "3.10", "--only-binary=:all:", "--target", str(tmp_path / "target")]
    arguments += [part for platform in platforms for part in ("--platform", platform)]
    arguments += ["-c", str(pins), "-r", str(docker / "requirements-7.1.txt")]
    done = resolve(*arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
