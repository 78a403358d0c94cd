"""A dashboard for who runs lilota: one page for what runs, what failed and why, and actions where they are allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lilota_dashboard.app import dashboard_app

__all__ = ["dashboard_app"]


def __getattr__(name: str) -> object:
    """Import the application when somebody asks for it: runners load this package too, and need no web server."""
    if name != "dashboard_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    from lilota_dashboard.app import dashboard_app  # noqa: PLC0415 - as just said

    return dashboard_app
