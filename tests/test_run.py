"""``make run``: it prints what to try, that works as printed, and Ctrl-C stops everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from arithmetic import answer_to
from processes import PATIENCE, ROOT, Process, accepts, clean_environment, is_alive, wait_for

HTTP_PORT, GRPC_PORT = 8000, 50051
# It may have to install and to compile first.
SETUP_TIMEOUT = 600.0


class MakeRun(Process):
    """``make run``."""

    def is_ready(self) -> bool:
        return "Stop with Ctrl-C." in self.output


@pytest.mark.timeout(SETUP_TIMEOUT + 60)
def test_serves_as_printed_until_ctrl_c(tmp_path: Path) -> None:
    for port in (HTTP_PORT, GRPC_PORT):
        assert not accepts(port), f"port {port} is taken, and `make run` needs it"
    running = MakeRun(["make", "run"], tmp_path, cwd=ROOT, environment=clean_environment())
    running.start()
    try:
        wait_for(
            lambda: running.is_ready() or running.exit_code() is not None, "ready", SETUP_TIMEOUT
        )
        assert running.exit_code() is None, running.output + running.log
        assert f"http://127.0.0.1:{HTTP_PORT}" in running.output
        assert f"gRPC on 127.0.0.1:{GRPC_PORT}" in running.output

        printed = [line.strip() for line in running.output.splitlines()]
        answer = json.loads(run_as_printed(printed, "curl "))
        assert answer == answer_to([1, 2, 3])
        answer = json.loads(run_as_printed(printed, "grpcurl "))
        assert answer == {"results": [str(x) for x in answer_to([1, 2, 3])["processed_result"]]}

        processes = running.children()
        running.interrupt_group()
        # make reports that it was interrupted; what it ran has ended well.
        assert running.wait() in (0, 2, 130, -signal.SIGINT)
    finally:
        if running.exit_code() is None:
            running.interrupt_group()
            running.wait()
    assert processes
    wait_for(lambda: not any(is_alive(process.pid) for process in processes), "all are gone")
    assert not accepts(HTTP_PORT)
    assert not accepts(GRPC_PORT)
    running.check_log()
    assert "Error" not in running.log


def run_as_printed(lines: list[str], start: str) -> str:
    (line,) = (line for line in lines if line.startswith(start))
    environment = {**os.environ, "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"}
    ran = subprocess.run(
        ["/bin/sh", "-c", line], capture_output=True, text=True, env=environment, timeout=PATIENCE
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
