"""The pages of the site: who is logged in adds tasks, and sees them live."""

from __future__ import annotations

from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import UserCreationForm
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.http import require_POST
from django.views.generic import CreateView
from lilota_django import get_client

from photos.forms import ReportForm
from photos.tasks import make_thumbnails, yearly_report

POLICY = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"


class SignUp(CreateView):
    """Make an account, and log in."""

    form_class = UserCreationForm
    template_name = "registration/sign_up.html"
    success_url = reverse_lazy("index")

    def form_valid(self, form: UserCreationForm) -> HttpResponse:
        """Log in who has just got an account."""
        response = super().form_valid(form)
        login(self.request, form.instance)
        return response


@login_required
def index(request: HttpRequest) -> HttpResponse:
    """Show the forms, and the tasks of who asks."""
    response = render(request, "index.html")
    response["Content-Security-Policy"] = POLICY
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def add_thumbnails(request: HttpRequest) -> HttpResponse:
    """Add a task for the photographs."""
    uploads = [get_client().upload(photo, name=photo.name) for photo in request.FILES.getlist("photos")]
    if not uploads:
        return HttpResponseBadRequest("There is no photograph.")
    get_client().add(make_thumbnails.bind(photos=uploads), owner=str(request.user.pk))
    return redirect("index")


@login_required
@require_POST
def add_report(request: HttpRequest) -> HttpResponse:
    """Add a task for a report."""
    form = ReportForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest(str(form.errors))
    yearly_report.using(owner=str(request.user.pk)).enqueue(form.cleaned_data["year"])
    return redirect("index")
