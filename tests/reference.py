"""What a FastAPI app with the pydantic model alone would answer to a body, in this process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from offgil.fastapi._models import ProcessNumbersBody

from arithmetic import answer_to

PATH = "/process-numbers-rust"


@dataclass(frozen=True, slots=True)
class Expected:
    """An answer: the status, and the JSON body, whose faults have type, loc and msg alone."""

    status: int
    body: Any


class Reference:
    """Two apps: one as FastAPI is, and one whose 422 does not fail when the input is no JSON."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._plain = self._connect(_app())
        safe = _app()
        safe.add_exception_handler(RequestValidationError, _answer_faults)
        self._safe = self._connect(safe)

    def close(self) -> None:
        for connected in (self._plain, self._safe):
            self._runner.run(connected.aclose())
        self._runner.close()

    def answer(self, body: bytes, headers: dict[str, str]) -> Expected:
        plain = self._post(self._plain, body, headers)
        safe = self._post(self._safe, body, headers)
        if plain.status_code != 500:
            # What plain FastAPI can answer at all, the other app answers alike.
            assert (plain.status_code, without_input(plain.json())) == (
                safe.status_code,
                without_input(safe.json()),
            )
        assert safe.status_code < 500, safe.text
        return Expected(safe.status_code, without_input(safe.json()))

    def _post(
        self, connected: httpx.AsyncClient, body: bytes, headers: dict[str, str]
    ) -> httpx.Response:
        return self._runner.run(connected.post(PATH, content=body, headers=headers))

    def _connect(self, app: FastAPI) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://reference")


def without_input(answer: Any) -> Any:
    """Returns a 422 with type, loc and msg alone; FastAPI adds the input and the context."""
    detail = answer.get("detail")
    if not isinstance(detail, list):
        return answer
    keys = ("type", "loc", "msg")
    return {"detail": [{key: fault[key] for key in keys} for fault in detail]}


def _app() -> FastAPI:
    app = FastAPI()

    @app.post(PATH)
    async def process_numbers(payload: ProcessNumbersBody) -> dict[str, Any]:
        return answer_to(payload.numbers, payload.rounds)

    return app


async def _answer_faults(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse(without_input({"detail": error.errors()}), 422)
