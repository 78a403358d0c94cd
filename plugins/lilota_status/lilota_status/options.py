"""What an application can say where it mounts the pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from lilota_status.limits import Limits
from lilota_status.visitors import Allow, Owner


class Options(TypedDict, total=False):
    """The options of `status_app`, `status_wsgi`, `status_blueprint` and `status_urls`.

    Attributes:
        allow: `allow(request, task, action)` tells whether a visitor may do something with a task: "view", "logs",
            "result", "files" or "cancel". Without it, everything is denied. It may be a coroutine function, but not in
            WSGI. An error in it is logged, and denies.
        owner: `owner(request)` returns whose tasks `/mine` lists, as they were given to `add(owner=...)`; None for who
            has none. Without it, there is no such page.
        max_age_seconds: how old a reference may be; None, the default, takes any.
        texts: other words for what pages say, by the keys of `TEXTS` and `TEXTS_OF_ELEMENT` in `lilota_status.pages`.
        stylesheet: the address of a stylesheet of the application's, on the same site.
        limits: how many streams there may be.
        trusted_origins: where browsers see the pages, as `https://shop.example.org`, if a proxy asks for them by
            another `Host`. Without it, only the host that was asked may send what changes something.
    """

    allow: Allow | None
    owner: Owner | None
    max_age_seconds: float | None
    texts: Mapping[str, str] | None
    stylesheet: str | None
    limits: Limits | None
    trusted_origins: Iterable[str]
