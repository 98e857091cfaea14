"""The studio's page: a few files that any browser shows as they are, without the key.

What they show comes from the API, for which the page asks for the key, or takes it from the address
(``/#KEY``), whose fragment no server ever sees.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response

from .app import NotThere

FOLDER = Path(__file__).parent / "page"
KINDS = {
    ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml",
}  # fmt: skip
POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:",
    "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
))  # fmt: skip
"""The page runs its own scripts, talks to its own server, and nothing else."""
router = APIRouter(include_in_schema=False)


@router.get("/")
def page() -> Response:
    """The page."""
    return part("index.html")


@router.get("/page/{name}")
def part(name: str) -> Response:
    """A file that the page consists of."""
    found = {path.name: path for path in FOLDER.iterdir() if path.suffix in KINDS}.get(name)
    if found is None:
        raise NotThere(f"{name!r} is no part of the page.")
    return Response(
        found.read_bytes(), media_type=f"{KINDS[found.suffix]}; charset=utf-8",
        headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"},
    )  # fmt: skip
