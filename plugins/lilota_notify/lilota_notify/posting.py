"""The task that sends a webhook: one signed POST, again and again until it is taken."""

from __future__ import annotations

import http.client
import json
from email.message import Message
from typing import Final, NamedTuple

from lilota import Backoff, Retry, Secret, TaskContext, task
from lilota.errors import InvalidInputError
from lilota_notify.allowing import webhooks_for
from lilota_notify.asking import POST
from lilota_notify.connecting import connected
from lilota_notify.errors import NotDeliveredError, UndeliverableError
from lilota_notify.events import Event
from lilota_notify.pausing import LONGEST_SECONDS, SHORTEST_SECONDS, wanted_pause
from lilota_notify.settings import Webhooks, load_settings
from lilota_notify.signing import signed_headers
from lilota_notify.targets import WebTarget, target_of

#: After 5 s, 15 s, 45 s, ... up to 3 hours; it gives up after two days, which is long enough to mend a receiver.
PATIENCE: Final = Backoff(first_seconds=SHORTEST_SECONDS, factor=3, max_seconds=LONGEST_SECONDS)
PATIENCE_SECONDS: Final = 2 * 86_400
ATTEMPTS: Final = 30


class _Answer(NamedTuple):
    status: int
    headers: Message


@task(
    name=POST,
    max_attempts=ATTEMPTS,
    backoff=PATIENCE,
    deadline_seconds=PATIENCE_SECONDS,
    timeout_seconds=300,  # for the look-up of a name, which nothing else can end
    retry_on=(Exception,),
    never_retry_on=(UndeliverableError, InvalidInputError),
)
def post(ctx: TaskContext, url: Secret[str], event: Event) -> dict[str, int]:
    """Send an event to a webhook.

    Args:
        url: where to; it may be a secret by itself.
        event: what happened; its "id" is that of the message, and the same in all attempts.

    Returns:
        `status`: that of the answer.
    """
    target = target_of(url.reveal())
    if not isinstance(target, WebTarget):
        raise UndeliverableError("A mailbox is no webhook.")
    status = deliver(target, event)
    ctx.logger.info("%s has taken it: %d", target.host, status)
    return {"status": status}


def deliver(target: WebTarget, event: Event) -> int:
    """Send an event once, and return the status of the answer.

    Raises:
        UndeliverableError, NotDeliveredError: it was not taken.
        Retry: the receiver says when it wants to be asked again.
        ConfigurationError: there are no settings here, or they can't be used.
    """
    settings = load_settings()
    webhooks = webhooks_for(target, settings)
    body = json.dumps(event, separators=(",", ":")).encode()
    headers = {"content-type": "application/json", "user-agent": "lilota-notify", "connection": "close"}
    headers |= signed_headers(event["id"], body, webhooks.keys)
    status, told = _post(target, webhooks, body, headers, settings.timeout_seconds)
    if status == http.client.GONE:
        raise UndeliverableError(f"{target.host} is not there any more: it answers with {status}.")
    if (seconds := wanted_pause(status, told)) is not None:
        # This spends no attempt: it ends with the time for all of them.
        raise Retry(seconds, f"{target.host} answers with {status}, and is asked again in {seconds:g} s, as it wishes.")
    if not 200 <= status < 300:  # a redirection is no exception: it could lead anywhere
        raise NotDeliveredError(f"{target.host} answers with {status}.")
    return status


def _post(target: WebTarget, webhooks: Webhooks, body: bytes, headers: dict[str, str], seconds: float) -> _Answer:
    kind = http.client.HTTPSConnection if target.is_encrypted else http.client.HTTPConnection
    with connected(target, webhooks, seconds) as stream:
        connection = kind(target.host, target.port)
        connection.auto_open = 0  # it must never look up the name by itself
        connection.sock = stream
        try:
            connection.request("POST", target.path, body, headers)
            response = connection.getresponse()
            # What stands behind the headers is not read: it could be long, and is nobody's business here.
            return _Answer(response.status, response.headers)
        except http.client.HTTPException as error:
            raise OSError(f"its answer is no HTTP ({type(error).__name__})") from error
