"""The files that every page needs: read once, named by what is in them, so that a browser asks for each once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

#: Name -> what is in it. What is not in here is no file of ours, whatever a path looks like.
_FILES: Final = {
    path.relative_to(_FOLDER).as_posix(): path.read_bytes()
    for path in sorted(_FOLDER.rglob("*"))
    if path.suffix in _TYPES
}
_VERSION: Final = hashlib.sha256(b"".join(_FILES.values())).hexdigest()[:12]


def static_url(base: str, name: str) -> str:
    """Return where a file is; a new version of it is somewhere else."""
    return f"{base}/static/{_VERSION}/{name}"


async def static_file(request: Request) -> Response:
    """Answer with a file."""
    name: str = request.path_params["name"]
    content = _FILES.get(name)
    if content is None or request.path_params["version"] != _VERSION:
        raise HTTPException(404, "There is no such file.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(content, media_type=_TYPES[Path(name).suffix], headers=headers)
