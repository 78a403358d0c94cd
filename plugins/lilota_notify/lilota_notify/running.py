"""Who tells of ends in one process: one thread for each runner, where the operator has set that up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lilota.errors import ConfigurationError
from lilota_notify.asking import asks
from lilota_notify.settings import VARIABLE, load_settings, settings_path

if TYPE_CHECKING:
    from lilota.hookspecs import RunnerDetails
    from lilota.models import Claim
    from lilota_notify.notifier import Notifier

logger: logging.Logger = logging.getLogger(__name__)


class Notifiers:
    """The notifiers of the runners of one process."""

    def __init__(self) -> None:
        self._of_runners: dict[str, Notifier] = {}
        self._has_warned = False

    def start(self, runner: RunnerDetails) -> None:
        """Tell of the ends of a runner; without settings, and with wrong ones, it goes on without that."""
        self._has_warned = False
        if settings_path() is None:
            return
        try:
            settings = load_settings()
        except ConfigurationError as error:
            logger.error("%s The runner goes on, and nobody is told.", error)  # noqa: TRY400 - the sentence says it all
            return
        from lilota_notify.notifier import Notifier  # noqa: PLC0415 - only where it was asked for

        notifier = self._of_runners[runner.runner_id] = Notifier(runner, settings)
        notifier.start()

    def stop(self, runner: RunnerDetails) -> None:
        """Tell of what has ended until now, and no more."""
        notifier = self._of_runners.pop(runner.runner_id, None)
        if notifier is not None:
            notifier.stop()

    def note(self, claim: Claim) -> None:
        """Take up the end of an attempt; how the task stands now, the store knows: somebody may have cancelled it."""
        asked = asks(claim.name, claim.headers_json)
        for notifier in tuple(self._of_runners.values()):  # which of them the claim is of, the store knows
            if asked or notifier.has_rule_about(claim.name):
                notifier.note(claim.id)
        if asked and settings_path() is None and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "The task %d asks that somebody is told of its end, and this runner tells nobody: set %s.",
                claim.id,
                VARIABLE,
            )
