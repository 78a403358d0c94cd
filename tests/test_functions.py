"""Functions as tasks, from `bind` to the result: what is checked where, what is stored, and what comes back."""

from __future__ import annotations

import json
import pickle
from datetime import date

import function_tasks
import pytest
from function_tasks import Report, Resize, failing, later, log_in, make_report, nothing, plus, result_in_dict, untyped

from lilota import TaskClient, TaskHandle, TaskRunner, TaskState, task
from lilota.config import Settings
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import InvalidInputError, InvalidOutputError, InvalidTaskError, UnknownTaskError
from lilota.models import AttemptUpdate, Outcome
from lilota.stores import MemoryTaskStore
from lilota.testing import run_task

SETTINGS = Settings(plugins_off=True)


@pytest.fixture
def client():
    """A client of a store of its own, with the functions of this file registered under their own names."""
    with TaskClient(MemoryTaskStore(), settings=SETTINGS) as client:
        for function in (make_report, plus, result_in_dict, untyped, log_in, failing, nothing):
            client.register(function)
        client.register("resize", Resize)
        yield client


# --- bind ---


def test_a_call_is_checked_where_it_is_bound():
    """The message has the path, what was expected and what came."""
    with pytest.raises(
        InvalidInputError, match=r"The input of 'plus' does not fit plus\(\): `\$\.first`: Expected `int`"
    ):
        plus.bind("x")  # type: ignore[arg-type]  # the mistake that is meant
    with pytest.raises(InvalidInputError, match="the parameter 'first' is missing"):
        plus.bind()  # type: ignore[call-arg]  # the mistake that is meant
    with pytest.raises(InvalidInputError, match="it has no parameter 'secnd'"):
        plus.bind(1, secnd=2)  # type: ignore[call-arg]  # the mistake that is meant


def test_a_bound_call_has_its_input_and_shows_none_of_it():
    """It may hold a secret."""
    bound = log_in.bind("ann", password_=function_tasks.Secret("hunter2"))

    assert json.loads(bound.input_json) == {"user": "ann", "password_": "hunter2"}
    assert repr(bound) == "<BoundTask of 'log_in'>"


def test_a_context_is_no_argument():
    """The worker gives it; a default may be left out."""
    assert make_report.bind("march").input_json == '{"month":"march"}'
    assert make_report.bind(days=2, month="march").input_json == '{"days":2,"month":"march"}'


# --- add ---


def test_a_bound_call_is_added_under_the_name_of_its_function(client):
    """The input is that of the call; the defaults are those of the function."""
    info = client.add(make_report.bind("march")).info()

    assert (info.name, info.input) == ("make_report", {"month": "march"})
    assert (info.queue, info.priority, info.description, info.max_lost_attempts) == ("reports", 7, "A report", 2)


def test_what_is_given_to_add_counts_more_than_what_the_function_says(client):
    """Defaults are defaults."""
    info = client.add(make_report.bind("march"), "March", queue="slow", priority=0, max_lost_attempts=1).info()

    assert (info.queue, info.priority, info.description, info.max_lost_attempts) == ("slow", 0, "March", 1)


def test_an_input_by_name_is_checked_like_a_call(client):
    """There is no second world: the task can be added with an object of JSON."""
    assert client.add("plus", input={"first": 2}).info().input == {"first": 2}
    assert client.add("resize", input={"photo": "sea.jpg"}).info().input == {"photo": "sea.jpg"}
    for name, given in (("plus", {"first": "x"}), ("plus", None), ("resize", {"photo": "sea.jpg", "height": 1})):
        with pytest.raises(InvalidInputError, match=f"The input of '{name}' does not fit"):
            client.add(name, input=given)
    assert len(list(client.find())) == 2


def test_many_calls_are_added_at_once(client):
    """Calls, and calls among the arguments of `add`, and names, as it fits."""
    handles = client.add_many(
        [plus.bind(1), {"name": plus.bind(2), "priority": 5}, {"name": "plus", "input": {"first": 3}}]
    )

    assert [(handle.info().input["first"], handle.info().priority) for handle in handles] == [(1, 0), (2, 5), (3, 0)]


def test_a_call_with_an_input_beside_it_is_refused(client):
    """One of them would be lost."""
    with pytest.raises(InvalidInputError, match="<BoundTask of 'plus'> has its input already: leave out input="):
        client.add(plus.bind(1), input={"first": 2})
    with pytest.raises(InvalidInputError, match="has its input already"):
        client.add_many([{"name": plus.bind(1), "input": {}}])


def test_a_function_that_is_registered_under_another_name_is_added_under_that():
    """Its own name may stand for something else."""
    with TaskClient(MemoryTaskStore(), settings=SETTINGS) as client:
        client.register("plus", Resize)
        client.register("sum", plus)

        assert client.add(plus.bind(1)).info().name == "sum"


def test_a_call_of_a_function_whose_name_stands_for_another_task_is_refused():
    """Another function would get its input."""
    with TaskClient(MemoryTaskStore(), settings=SETTINGS) as client:
        client.register("plus", Resize)

        with pytest.raises(
            UnknownTaskError, match="'plus' stands for function_tasks:Resize here, and not for function_tasks:plus"
        ):
            client.add(plus.bind(1))


def test_a_call_of_a_function_inside_a_function_is_refused(client):
    """No worker could import it."""

    @task
    def inner() -> None: ...

    with pytest.raises(InvalidTaskError, match="inner is defined inside a function"):
        client.add(inner.bind())


def test_a_client_that_accepts_unknown_names_takes_calls_too():
    """The function may be served by other programs only."""
    with TaskClient(MemoryTaskStore(), settings=SETTINGS, accept_unknown_names=True) as client:
        info = client.add(make_report.bind("march")).info()
        secret = client.add(log_in.bind("ann", function_tasks.Secret("x"))).info()

    assert (info.name, info.queue) == ("make_report", "reports")
    assert secret.masked_input["password_"] == "***"


# --- secrets ---


def test_a_secret_is_masked_wherever_the_task_is_shown(client):
    """By call or by name; the worker has it."""
    by_call = client.add(log_in.bind("ann", function_tasks.Secret("hunter2")), headers={"owner": "ann"}).info()
    by_name = client.add("log_in", input={"user": "ann", "password_": "x", "pin": 5}).info()

    for info in (by_call, by_name):
        shown = info.to_dict()["input"]
        assert shown["user"] == "ann"
        assert shown["password_"] == "***"
        assert info.to_dict(reveal_secrets=True)["input"] == info.input
    assert by_name.to_dict()["input"]["pin"] == "***"
    assert by_call.headers["owner"] == "ann"
    assert by_call.input["password_"] == "hunter2"


# --- running ---


def test_a_function_gets_its_input_and_its_context():
    """What it logs is kept, what it returns is stored as its annotation says."""
    result = run_task(make_report, {"month": "march", "days": 2})

    assert result.state is TaskState.SUCCEEDED
    assert result.output == {"month": "march", "days": ["2026-03-01", "2026-03-02"]}
    assert result.log_text == "reporting march"


def test_a_result_that_does_not_fit_the_annotation_is_an_error_of_the_task():
    """Whoever waits for it was promised that type."""
    result = run_task(function_tasks.wrongly_annotated)

    assert result.error.type == "InvalidOutputError"


# --- what comes back ---


@pytest.fixture(scope="module")
def runner():
    """A started runner that knows the functions."""
    runner = TaskRunner(MemoryTaskStore(), 1, settings=SETTINGS)
    for function in (make_report, plus, result_in_dict, untyped, log_in, failing, nothing, later):
        runner.register(function)
    runner.register("resize", Resize)
    with runner:
        yield runner


def test_the_result_of_a_call_has_the_type_of_the_annotation(runner):
    """By name it is what JSON carries."""
    by_call = runner.add(make_report.bind("march", days=2))
    by_name = runner.add("make_report", input={"month": "march"})

    assert by_call.result(60) == Report("march", [date(2026, 3, 1), date(2026, 3, 2)])
    assert by_name.result(60) == {"month": "march", "days": ["2026-03-01"]}
    assert [line.text for line in by_call.logs()] == ["reporting march"]


def test_a_value_that_is_no_object_comes_back_as_the_value(runner):
    """It is stored in an object, with a mark that nobody sees."""
    for handle in (runner.add(plus.bind(2)), runner.add("plus", input={"first": 2})):
        assert handle.result(60) == 3
        assert (handle.info().result, handle.info().output) == (3, {"result": 3})
        assert handle.info().to_dict()["output"] == {"result": 3}


def test_a_class_gets_its_input_as_arguments(runner):
    """As a function does; `self` is what it was."""
    handle = runner.add("resize", input={"photo": "sea.jpg"})

    assert handle.result(60) == ["sea.jpg", 800]
    assert [line.text for line in handle.logs()] == ["resizing"]


def test_a_dict_with_the_one_key_result_stays_that_dict(runner):
    """It carries no mark."""
    handle = runner.add(result_in_dict.bind(3))

    assert handle.result(60) == {"result": 3}
    assert handle.info().result == {"result": 3}


def test_a_function_without_annotations_takes_and_gives_json(runner):
    """Text or number, as it comes."""
    assert runner.add(untyped.bind("ab", times=3)).result(60) == "ababab"
    assert runner.add("untyped", input={"value": 2}).result(60) == 4


def test_a_function_gives_typed_results_for_many_inputs(runner):
    """Named by itself, as in `map` of Python."""
    results = runner.client.map(make_report, [{"month": "march"}, {"month": "april"}])

    assert [result.month for result in results] == ["march", "april"]


def test_a_function_is_mapped_over_its_arguments(runner):
    """By name in a dict, by position in a tuple, or one of them as it is; what does not fit is raised in its place."""
    results = runner.client.map(plus, [3, (3, 4), {"second": 5, "first": 1}, None])

    assert [next(results), next(results), next(results)] == [4, 7, 6]
    with pytest.raises(InvalidInputError, match=r"plus\(\): `\$\.first`"):
        next(results)


def test_a_handle_keeps_the_type_of_its_result_in_another_process(tmp_path):
    """It names the function, whose module is imported there."""
    with TaskClient(f"sqlite:///{tmp_path}/tasks.db", accept_unknown_names=True) as client:
        handle = client.add(make_report.bind("march"))

        assert pickle.loads(pickle.dumps(handle))._decode == make_report.result_of


def test_a_function_that_returns_nothing_has_no_result(runner):
    """As with a class."""
    handle = runner.add(nothing.bind())

    assert handle.result(60) is None
    assert handle.info().output_json is None


def test_a_coroutine_function_gives_its_result_and_not_a_coroutine(runner):
    """The handle has the type of what is awaited."""
    handle: TaskHandle[int] = runner.add(later.bind(1))

    assert handle.result(60) == 2


def test_a_result_that_does_not_fit_any_more_says_so(client):
    """The function is annotated to return something else than when the task ran; the output as stored can be had."""
    handle = client.add(plus.bind(1))
    _succeed_with(client.store, '{"lilota.value":true,"result":"three"}')

    with pytest.raises(
        InvalidOutputError, match=r"The task 1 \('plus'\) has succeeded, but its result can't be read: "
    ):
        handle.result(5)
    assert client.get(1).result(5) == "three"


def _succeed_with(store, output_json):
    """Let a runner of another program have run the task, with the function as it was there."""
    store.heartbeat(RunnerInfo(id="r"))
    (claim,) = store.claim(ClaimRequest(runner_id="r", names=("plus",))).claims
    outcome = Outcome(state=TaskState.SUCCEEDED)
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, output_json=output_json, outcome=outcome)])
