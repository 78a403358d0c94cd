"""What people may order."""

from __future__ import annotations

from django import forms


class ReportForm(forms.Form):
    """A report of one year."""

    year = forms.IntegerField(min_value=1900, max_value=2100)
