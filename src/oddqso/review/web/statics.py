"""Scripts, styles and images: read once, served from memory by exact name.

The address of a file holds a hash of all files (``/static/{hash}/api.js``), so browsers keep it for good, and modules
that name each other by relative paths stay together. Without the hash a file is asked for anew each time.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

FOLDER: Final = Path(__file__).parents[1] / "static"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".md": "text/plain"}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    content: bytes
    packed: bytes
    """By gzip."""
    media_type: str


@cache
def assets() -> tuple[str, dict[str, Asset]]:
    """A hash of all files, and each by its name within the folder."""
    found = {path.relative_to(FOLDER).as_posix(): path for path in sorted(FOLDER.rglob("*")) if path.is_file()}
    loaded = {name: _load(path) for name, path in found.items()}
    digest = hashlib.sha256()
    for name, asset in loaded.items():
        digest.update(f"{name}\n{len(asset.content)}\n".encode() + asset.content)
    return digest.hexdigest()[:16], loaded


def static(name: str) -> str:
    """The address of a static file, for templates."""
    return f"/static/{assets()[0]}/{name}"


@router.get("/static/{name:path}")
def file(request: Request, name: str) -> Response:
    """A static file."""
    digest, loaded = assets()
    plain = name.removeprefix(f"{digest}/")
    asset = loaded.get(plain)
    if asset is None:
        raise HTTPException(404, "there is no such file")
    tag = f'"{digest}"'
    forever = plain != name
    headers = {
        "cache-control": "public, max-age=31536000, immutable" if forever else "no-cache",
        "etag": tag,
        "vary": "accept-encoding",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    content = asset.content
    if "gzip" in request.headers.get("accept-encoding", "") and len(asset.packed) < len(content):
        content, headers["content-encoding"] = asset.packed, "gzip"
    return Response(content, media_type=asset.media_type, headers=headers)


def _load(path: Path) -> Asset:
    content = path.read_bytes()
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(content, gzip.compress(content, mtime=0), media_type)
