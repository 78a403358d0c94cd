"""What a page of the admin says when the database of the tasks can't be used."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db import InterfaceError, OperationalError
from django.shortcuts import redirect
from django.urls import reverse

from lilota.errors import ConfigurationError, StoreError
from lilota_django.orm.faults import DatabaseFaults, unusable_database

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.http import HttpRequest, HttpResponse

_logger = logging.getLogger(__name__)


def or_say_why_not(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a page lead to the first one, with a message, if the tasks can't be reached: the rest of the admin works."""

    @functools.wraps(view)
    def tried(pages: ModelAdmin[Any], request: HttpRequest, *args: object, **options: object) -> HttpResponse:
        try:
            return view(pages, request, *args, **options)
        except (StoreError, ConfigurationError, OperationalError, InterfaceError) as error:
            reason = unusable_database(error) if isinstance(error, DatabaseFaults) else error
            # Not on the page: it names hosts and users, which not everybody needs to know who may see tasks.
            _logger.exception("%s", reason)
            pages.message_user(request, "The tasks can't be reached. The log of the site says why.", messages.ERROR)
            return redirect(reverse("admin:index", current_app=pages.admin_site.name))

    return tried
