"""A newcomer's app: five lines, a plain ASGI server, and the embedded server behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from arithmetic import process_number
from conftest import Start
from processes import AsgiServer, Granian, Uvicorn, clean_environment, free_port, is_alive

FIVE_LINES = """\
from fastapi import FastAPI
from offgil.fastapi import OffgilDep, lifespan

app = FastAPI(lifespan=lifespan)

@app.post("/numbers")
async def numbers(xs: list[int], compute: OffgilDep) -> list[int]:
    return await compute.process_numbers(xs)
"""


@pytest.mark.parametrize("asgi_server", [Uvicorn, Granian])
def test_serves_and_answers_errors_and_stops(
    start: Start[AsgiServer], tmp_path: Path, asgi_server: type[AsgiServer]
) -> None:
    (tmp_path / "mine.py").write_text(FIVE_LINES)
    mine = start(asgi_server(tmp_path, "mine:app"))
    assert mine.post("/numbers", json=[1, 2, 3]).json() == [process_number(x) for x in (1, 2, 3)]
    assert mine.post("/numbers", json=[]).json() == []

    # FastAPI's own errors, and those of offgil in the same shape, without further code.
    answer = mine.post("/numbers", json=["x"])
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", 0])
    answer = mine.post("/numbers", json=[1, 2**63])
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert fault.keys() == {"type", "loc", "msg"}
    assert str(2**63 - 1) in fault["msg"]

    sidecar = mine.sidecar()
    mine.sigterm()
    assert mine.wait() in mine.clean_exits
    assert not is_alive(sidecar.pid)
    mine.check_log()


def test_an_absent_server_is_a_503(start: Start[Uvicorn], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FIVE_LINES)
    target = f"dns:///127.0.0.1:{free_port()}"
    environment = clean_environment(OFFGIL_TARGET=target, OFFGIL_CONNECT_TIMEOUT="0.5")
    mine = start(Uvicorn(tmp_path, "mine:app", environment=environment))
    answer = mine.post("/numbers", json=[1])
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    mine.sigterm()
    assert mine.wait() in mine.clean_exits
