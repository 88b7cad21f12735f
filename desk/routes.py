"""All of the desk's pages, for the app that serves them."""

from __future__ import annotations

from fastapi import APIRouter

from desk import (
    acting,
    finding,
    live,
    one,
    overview,
    retrying,
    signing,
    statics,
    untold,
)

router = APIRouter()
for part in (overview, finding, one, acting, retrying, signing, live, statics, untold):
    router.include_router(part.router)
