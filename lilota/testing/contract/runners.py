"""The contract of `runners`: which runners the store knows, since when, and which of them are lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lilota.contract import RunnerInfo, TaskStore
from lilota.testing.contract.harness import ContractFixtures, ContractRunner, add_running, poll, registered

#: How much two readings of one clock may differ by rounding.
ROUNDING = timedelta(milliseconds=1)


class RunnersContract(ContractFixtures):
    """What people who look at the runners of a store can rely on."""

    def test_a_runner_is_registered_by_its_first_heartbeat(self, store: TaskStore) -> None:
        """It is known as it introduced itself, and was not known before."""
        before = ids_of(store)

        store.heartbeat(RunnerInfo(id="contract-new", lease_seconds=45.5, host="häst-1", pid=4711))

        runner = registered(store, "contract-new")
        store.release("contract-new")
        assert "contract-new" not in before
        assert (runner.host, runner.pid, runner.lease_seconds) == ("häst-1", 4711, 45.5)
        assert not runner.has_expired

    def test_what_a_runner_tells_of_itself_is_kept_as_it_told_it_last(self, store: TaskStore) -> None:
        """No store looks into it; and who tells nothing any more is not held to what was true before."""
        told = ['{"failure":"🐘 \\u0000"}', '{"names":["%s"]}' % ("n" * 20_000), None]
        known = []
        for about_json in told:
            store.heartbeat(RunnerInfo(id="contract-new", about_json=about_json))
            known.append(registered(store, "contract-new").about_json)

        store.release("contract-new")
        store.heartbeat(RunnerInfo(id="contract-new"))

        assert known == told
        assert registered(store, "contract-new").about == {}
        store.release("contract-new")

    def test_instants_of_a_runner_are_aware_utc_and_now(self, store: TaskStore, runner: ContractRunner) -> None:
        """A runner that has just introduced itself started now, and was heard of now."""
        known = registered(store, runner.id)

        assert known.started_at.utcoffset() == known.heartbeat_at.utcoffset() == timedelta(0)
        assert abs(known.heartbeat_at - known.started_at) <= ROUNDING
        assert abs(known.started_at - datetime.now(UTC)) < timedelta(hours=1), "the store's clock is far off"

    def test_started_at_stays_and_heartbeat_at_moves(self, store: TaskStore, runner: ContractRunner) -> None:
        """A heartbeat renews the lease; it is not a new start."""
        first = registered(store, runner.id)

        def moved() -> bool:
            runner.heartbeat()
            return registered(store, runner.id).heartbeat_at > first.heartbeat_at + ROUNDING

        poll(moved, "A later heartbeat")
        assert registered(store, runner.id).started_at == first.started_at

    def test_the_newest_heartbeat_tells_the_length_of_the_lease(self, store: TaskStore, runner: ContractRunner) -> None:
        """What the runner said last is shown."""
        runner.heartbeat(lease_seconds=77)

        assert registered(store, runner.id).lease_seconds == 77

    def test_claims_and_commits_leave_the_heartbeat_alone(self, store: TaskStore, runner: ContractRunner) -> None:
        """A runner is alive because it says so, not because something is written in its name."""
        before = registered(store, runner.id)

        runner.finish(add_running(store, runner))

        assert registered(store, runner.id) == before

    def test_runners_come_in_the_order_in_which_they_started(self, store: TaskStore) -> None:
        """A renewed lease changes nothing about it."""
        names = ["contract-b", "contract-c", "contract-a"]
        for name in names:
            store.heartbeat(RunnerInfo(id=name))
            poll(lambda: later_than_all(store), "A tick of the store's clock")
        store.heartbeat(RunnerInfo(id=names[0]))

        order = [runner_id for runner_id in ids_of(store) if runner_id in names]

        for name in names:
            store.release(name)
        assert order == names

    def test_a_runner_with_an_expired_lease_is_shown_as_such(self, store: TaskStore, runner: ContractRunner) -> None:
        """Until somebody rescues, people can see which runner was lost."""
        runner.expire()

        assert registered(store, runner.id).has_expired

    def test_a_lease_expires_by_the_time_alone(self, store: TaskStore, runner: ContractRunner) -> None:
        """Nobody has to do anything for it."""
        runner.heartbeat(lease_seconds=0.02)

        assert poll(lambda: registered(store, runner.id).has_expired, "The end of a short lease")

    def test_a_late_heartbeat_makes_the_runner_alive_again(self, store: TaskStore, runner: ContractRunner) -> None:
        """It holds a lease as before."""
        runner.expire()

        runner.heartbeat()

        assert not registered(store, runner.id).has_expired

    def test_a_released_runner_is_forgotten(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """A runner that stopped is not listed; the others are."""
        add_running(store, runner)

        store.release(runner.id)

        assert runner.id not in ids_of(store)
        assert other_runner.id in ids_of(store)

    def test_a_rescued_runner_is_forgotten(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """Once its tasks were taken back, nothing is left of it; runners with a lease stay."""
        runner.expire()

        store.rescue()

        assert runner.id not in ids_of(store)
        assert other_runner.id in ids_of(store)


def ids_of(store: TaskStore) -> list[str]:
    """Return the ids of the registered runners."""
    return [runner.id for runner in store.runners()]


def later_than_all(store: TaskStore) -> bool:
    """Tell whether a runner that starts now starts later than every other, by the store's clock."""
    store.heartbeat(RunnerInfo(id="contract-clock"))
    now = registered(store, "contract-clock").started_at
    store.release("contract-clock")
    return all(runner.started_at < now for runner in store.runners())
