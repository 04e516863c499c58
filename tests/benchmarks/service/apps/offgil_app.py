"""offgil in an app of one's own, with the floor in the same process."""

from __future__ import annotations

from fastapi import FastAPI
from offgil.fastapi import create_health_router, create_router, lifespan

from benchmarks.service.apps.floor import add_floor

app = FastAPI(lifespan=lifespan)
app.include_router(create_router())
app.include_router(create_health_router())
add_floor(app)
