"""A real RTSP server on loopback for tests, that can be killed, started again and frozen.

The server is Debian's gst-rtsp-server in a process of its own, run by the system's Python (this file is
also that process). It repeats pictures that were encoded beforehand, so it needs hardly any processor time.
Packages: tests/apt-packages.txt.

::

    with RtspServer() as server:          # a moving pattern, 320x240, 10 pictures a second
        open(server.url)
        server.kill(); server.start()     # same port, same address
        server.freeze(); server.thaw()
"""

from __future__ import annotations

import functools
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SYSTEM_PYTHON = "/usr/bin/python3"
PACKAGES = Path(__file__).with_name("apt-packages.txt")
READY_WITHIN_S = 20.0
ENDS_WITHIN_S = 5.0


@functools.cache
def missing() -> str:
    """Say why no RTSP server can be run here; empty when one can."""
    probe = (
        "import gi; gi.require_version('GstRtspServer', '1.0')\n"
        "from gi.repository import Gst, GstRtspServer\n"
        "Gst.init(None)\n"
        "assert all(map(Gst.ElementFactory.find, ['appsrc', 'rtph264pay', 'rtpbin', 'h264parse']))"
    )
    wanted = " ".join(PACKAGES.read_text().split()) if PACKAGES.exists() else "gst-rtsp-server"
    remedy = f"as root: apt-get install -y --no-install-recommends {wanted}"
    if not sys.platform.startswith("linux") or not Path(SYSTEM_PYTHON).exists():
        return f"the RTSP test server needs Linux and {SYSTEM_PYTHON}"
    try:
        done = subprocess.run(
            [SYSTEM_PYTHON, "-c", probe], capture_output=True, timeout=60, check=False, env=_environment()
        )
    except subprocess.TimeoutExpired:
        return f"the RTSP test server cannot be probed; {remedy}"
    return "" if done.returncode == 0 else f"the RTSP test server is not installed; {remedy}"


class RtspServer:
    """One stream at :attr:`url`, H.264 at its own speed, from the beginning for the first who comes.

    Args:
        video: file whose pictures are repeated; None for a moving pattern.
        size_px: (width, height) of the stream.
        fps: pictures per second; for a video, its own when None, else 10.
        frames_max: most pictures of ``video`` to repeat.
        user, password: when given, the server asks for them, and :attr:`url` contains them.
    """

    def __init__(
        self,
        video: Path | None = None,
        *,
        size_px: tuple[int, int] = (320, 240),
        fps: float | None = None,
        frames_max: int = 300,
        user: str = "",
        password: str = "",
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="rtsp-server-")
        self._units = Path(self._folder.name) / "units"
        self.fps = encode_units(self._units, video, size_px, fps, frames_max)
        self.user, self.password = user, password
        self.port = _free_port()
        login = f"{user}:{password}@" if user else ""
        self.url = f"rtsp://{login}127.0.0.1:{self.port}/live"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server on the same port as ever; returns when it listens."""
        if self._process is not None:
            raise RuntimeError("the server is running already")
        command = [
            SYSTEM_PYTHON,
            __file__,
            str(self.port),
            str(self._units),
            str(self.fps),
            self.user,
            self.password,
        ]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=_environment()
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], READY_WITHIN_S)
        if not ready or self._process.stdout.readline() != b"ready\n":
            self.kill()
            raise RuntimeError(f"the RTSP server did not start within {READY_WITHIN_S:g} s")

    def kill(self) -> None:
        """Kill the server at once, as a power cut would; its connections are reset."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(ENDS_WITHIN_S)
            if process.stdout is not None:
                process.stdout.close()

    def freeze(self) -> None:
        """Stop the process: its connections stay open and silent."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the process go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill the server and remove its files."""
        self.kill()
        self._folder.cleanup()

    def __enter__(self) -> RtspServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _signal(self, number: int) -> None:
        if self._process is None:
            raise RuntimeError("the server is not running")
        self._process.send_signal(number)


def encode_units(
    target: Path, video: Path | None, size_px: tuple[int, int], fps: float | None, frames_max: int
) -> float:
    """Write H.264 access units, each after its length (4 bytes, big-endian); return their rate.

    A key frame every second, no pictures out of order.
    """
    import av
    import numpy as np

    width, height = size_px
    with av.open(str(video)) if video is not None else _NoFile() as container:
        if video is not None and fps is None:
            fps = float(container.streams.video[0].average_rate)
        fps = fps or 10.0
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.framerate = round(fps)
        encoder.time_base = 1 / encoder.framerate
        encoder.options = {"preset": "veryfast", "tune": "zerolatency", "g": str(round(fps)), "threads": "1"}

        def pattern():
            for index in range(round(4 * fps)):
                image = np.full((height, width, 3), 60, np.uint8)
                image[:, :, 1] = np.linspace(0, 200, width, dtype=np.uint8)
                left = index * (width - 40) // round(4 * fps)
                image[100:140, left : left + 40] = 255
                yield av.VideoFrame.from_ndarray(image, "bgr24")

        pictures = container.decode(video=0) if video is not None else pattern()
        with target.open("wb") as out:
            for index, picture in zip(range(frames_max), pictures, strict=False):
                picture = picture.reformat(width, height, "yuv420p")
                picture.pts, picture.time_base, picture.pict_type = index, encoder.time_base, 0
                for packet in encoder.encode(picture):
                    out.write(struct.pack(">I", packet.size) + bytes(packet))
            for packet in encoder.encode(None):
                out.write(struct.pack(">I", packet.size) + bytes(packet))
    return fps


class _NoFile:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    """The environment without what a virtual environment put there for another Python."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }


def _serve(port: int, units_file: str, fps: float, user: str, password: str) -> None:
    """The server process; never returns."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: never outlive the test, even when frozen
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    data = Path(units_file).read_bytes()
    units, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        units.append(data[at + 4 : at + 4 + size])
        at += 4 + size

    def feed(media_factory: object, media: GstRtspServer.RTSPMedia) -> None:
        source = media.get_element().get_by_name_recurse_up("source")
        sent = [0]

        def push(appsrc: Gst.Element, _length: int) -> None:
            buffer = Gst.Buffer.new_wrapped(units[sent[0] % len(units)])
            buffer.pts = buffer.dts = round(sent[0] / fps * Gst.SECOND)
            buffer.duration = round(Gst.SECOND / fps)
            sent[0] += 1
            appsrc.emit("push-buffer", buffer)

        source.connect("need-data", push)

    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        "( appsrc name=source is-live=false format=time max-bytes=1 "
        "caps=video/x-h264,stream-format=byte-stream,alignment=au "
        "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
    )
    factory.set_shared(True)
    factory.connect("media-configure", feed)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(port))
    if user:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/live", factory)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on port {port}")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4], sys.argv[5])
