"""The files of a task on its page, and the address at which a browser gets one: to be saved, never to be shown."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join

from lilota.errors import ConfigurationError, FileError, FileGoneError, PluginError, TaskNotFoundError
from lilota.texts.safe import safe
from lilota.texts.words import size
from lilota_django.admin.readonly import or_say_why_not
from lilota_django.client import get_client
from lilota_django.instants import instant_words
from lilota_django.models import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from django.urls import URLPattern
    from django.utils.safestring import SafeString

    from lilota.files.reading import TaskFile

    _ModelAdmin = admin.ModelAdmin[Task]
else:
    _ModelAdmin = object

#: How many files are listed.
FILES: Final = 100

_logger = logging.getLogger(__name__)


class FilesMixin(_ModelAdmin):
    """Lists files, and hands them out to who may view their task."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.file_view)
        return [path("<int:task_id>/files/<str:name>", view, name="lilota_task_file"), *super().get_urls()]

    @admin.display(description="attached")
    def files(self, task: Task) -> SafeString | str | None:
        try:
            found = get_client().handle(task.pk).files()
        except TaskNotFoundError:
            return None
        except FileError as error:
            return safe(str(error))
        return _listed(found, lambda name: self._address(task.pk, name)) if found else None

    @or_say_why_not
    def file_view(self, request: HttpRequest, task_id: int, name: str) -> HttpResponseBase:
        """Hand out a file, as something that a browser saves."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            file = get_client().handle(task_id).files()[name]
            return _attachment(file)
        except (TaskNotFoundError, KeyError) as error:
            raise Http404("There is no such file.") from error
        except FileGoneError:
            reason = "It is not there any more."
        except (FileError, ConfigurationError, PluginError):
            _logger.exception("The file %r of the task %d can't be read.", name, task_id)
            reason = "The log of the site says why."
        self.message_user(request, f"The file {safe(name)!r} can't be read. {reason}", messages.ERROR)
        return redirect(reverse("admin:lilota_task_change", args=[task_id], current_app=self.admin_site.name))

    def _address(self, task_id: int, name: str) -> str:
        return reverse("admin:lilota_task_file", args=[task_id, name], current_app=self.admin_site.name)


def _attachment(file: TaskFile) -> FileResponse:
    # Its media type is what the task said. Nothing that a task was made to write may run as a page of this site.
    response = FileResponse(
        file.open(), as_attachment=True, filename=file.name, content_type="application/octet-stream"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _listed(found: Mapping[str, TaskFile], address: Callable[[str], str]) -> SafeString:
    first: Any = list(found.values())[:FILES]
    rows = format_html_join(
        "",
        '<li><a href="{}" download>{}</a>, {}, {}{}</li>',
        ((address(file.name), safe(file.name), size(file.size), safe(file.media_type), _until(file)) for file in first),
    )
    more = format_html("<li>... ({} more)</li>", len(found) - FILES) if len(found) > FILES else ""
    return format_html('<ul style="margin: 0; padding: 0">{}{}</ul>', rows, more)


def _until(file: TaskFile) -> str:
    return "" if file.expires_at is None else f", until {instant_words(file.expires_at)}"
