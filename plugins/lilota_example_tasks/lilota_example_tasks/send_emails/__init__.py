"""The task `send_emails`: one mail per recipient, from templates, through an SMTP server."""

from __future__ import annotations

from lilota_example_tasks.send_emails.task import SendEmails

__all__ = ["SendEmails"]
