"""The site for servers with an event loop."""

from __future__ import annotations

import os

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
# runserver gives static files by itself, uvicorn does not. In production, whatever stands before it does.
application = ASGIStaticFilesHandler(get_asgi_application())
