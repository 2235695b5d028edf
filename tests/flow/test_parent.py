from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from edge.flow.parent import end_with_parent

if __name__ == "__main__":
    with ProcessPoolExecutor(2, get_context("spawn"), initializer=end_with_parent) as pool:
        pids = {pool.submit(os.getpid).result() for _ in range(4)}
        print(*pids, flush=True)
        sys.stdin.read()
"""


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pool.py"
    file.write_text(SCRIPT, encoding="utf-8")
    # Whoever is left of the workers holds stdout open, so its end says that nobody is.
    process = subprocess.Popen(
        [sys.executable, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline().split(), "no worker started"
    process.send_signal(signal.SIGKILL)
    assert process.stdout.read() == ""
    process.stdin.close()
    process.stdout.close()
    process.wait()
