"""``offgil serve --reload``: the developer's server follows the source, and keeps its sidecar."""

from __future__ import annotations

from pathlib import Path

import httpx

from processes import App, wait_for

SOURCE = """
from fastapi import FastAPI
from offgil.fastapi import OffgilDep, lifespan

app = FastAPI(lifespan=lifespan)


@app.get("/livez")
async def livez() -> str:
    return "live"


@app.get("/sum")
async def sum_squares(compute: OffgilDep) -> int:
    return await compute.sum_squares({a}, 4)
"""


def answer(app: App) -> object:
    try:
        response = httpx.get(f"{app.url}/sum", timeout=10)
    except httpx.TransportError:
        return None  # between two versions nobody answers
    return response.json()


def test_a_changed_file_is_served_by_the_same_sidecar(tmp_path: Path) -> None:
    module = tmp_path / "reloaded.py"
    module.write_text(SOURCE.format(a=3))
    app = App(tmp_path, "--reload", "--app", "reloaded:app")
    app.start()
    app.wait_until_ready()
    assert answer(app) == 25
    sidecars = [child.pid for child in app.children() if child.name() == "offgil-server"]
    assert len(sidecars) == 1

    module.write_text(SOURCE.format(a=5))
    wait_for(lambda: answer(app) == 41, "the new version answers")
    assert [x.pid for x in app.children() if x.name() == "offgil-server"] == sidecars
    app.interrupt_group()
    assert app.wait() == 0
