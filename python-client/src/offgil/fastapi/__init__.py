"""offgil in a FastAPI app.

    from fastapi import FastAPI
    from offgil.fastapi import OffgilDep, lifespan

    app = FastAPI(lifespan=lifespan)

    @app.post("/numbers")
    async def numbers(xs: list[int], compute: OffgilDep) -> list[int]:
        return await compute.process_numbers(xs)

The map of the package: `_lifespan` creates what `_dependency` hands out, `_errors` maps errors to
answers, `_router` has the routes, `_passthrough`, `_body` and `_transfer` carry bodies past Python,
`_disconnect` cancels for clients that have gone, `_timing` tells the others what a call cost;
`_inference` serves the Open Inference Protocol; `_catalogue`, `_openapi`, `_schemas` and `_faults`
document the kernels.
"""

try:
    import fastapi as _fastapi  # noqa: F401
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        'offgil.fastapi needs FastAPI: pip install "offgil[fastapi]"', name=missing.name
    ) from missing

from offgil.fastapi._dependency import OffgilDep, get_client, set_client
from offgil.fastapi._disconnect import ClientDisconnected, cancel_on_disconnect
from offgil.fastapi._errors import add_exception_handlers, exception_handlers, to_http_exception
from offgil.fastapi._health import create_health_router
from offgil.fastapi._lifespan import lifespan
from offgil.fastapi._router import create_router

__all__ = [
    "ClientDisconnected",
    "OffgilDep",
    "add_exception_handlers",
    "cancel_on_disconnect",
    "create_health_router",
    "create_router",
    "exception_handlers",
    "get_client",
    "lifespan",
    "set_client",
    "to_http_exception",
]
