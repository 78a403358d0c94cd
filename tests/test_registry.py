"""Which names stand for which task classes, in the program and in its worker processes."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import types
import zipapp
from pathlib import Path

import pytest
from distributions import write_distribution

from lilota import task
from lilota.config import Settings
from lilota.errors import InvalidTaskError, PluginConflictError, UnknownTaskError
from lilota.models import TaskBase
from lilota.plugins import Plugins
from lilota.registry import Registry

FIXTURES = Path(__file__).parent / "fixture_distributions"


@pytest.fixture
def tasks(monkeypatch):
    """The importable module with the tasks of an application."""
    monkeypatch.syspath_prepend(str(FIXTURES / "application"))
    import application_tasks

    return application_tasks


@pytest.fixture
def make_registry(monkeypatch):
    """Make a registry with fixture distributions installed."""

    def make(*installed, **settings):
        for name in installed:
            monkeypatch.syspath_prepend(str(FIXTURES / name))
        return Registry(Plugins(Settings(**settings)))

    return make


def run_program(folder, *arguments, files=None, stdin=None, **variables):
    """Run a Python program in a folder and return what it printed."""
    for name, text in (files or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=os.environ | variables, input=stdin, text=True, capture_output=True, check=True
    ).stdout


PROGRAM = """
from lilota.config import Settings
from lilota.models import TaskBase
from lilota.plugins import Plugins
from lilota.registry import Registry

{definition}

if __name__ == "__main__":
    {guarded}
    registry = Registry(Plugins(Settings(plugins_off=True)))
    try:
        registry.register("resize", Resize)
    except TypeError as error:
        print("refused:", error)
    else:
        print("accepted:", registry.references()["resize"])
"""
CLASS = "class Resize(TaskBase):\n    def run(self): return None"
TOP_LEVEL = PROGRAM.format(definition=CLASS, guarded="pass")
UNDER_GUARD = PROGRAM.format(definition="", guarded=CLASS.replace("\n", "\n    "))


# --- Registering ---


def test_a_registered_class_is_found_by_its_name(make_registry, tasks):
    """In the program itself it is the very class; for workers there is a reference."""
    registry = make_registry()

    registry.register("resize", tasks.Resize)

    assert registry.resolve("resize") is tasks.Resize
    assert "resize" in registry.names()
    assert registry.references() == {"resize": "application_tasks:Resize"}


def test_a_class_inside_a_class_can_be_registered(make_registry, tasks):
    """Its qualified name is enough to find it."""
    registry = make_registry()

    registry.register("inner", tasks.Outer.Inner)

    assert registry.references() == {"inner": "application_tasks:Outer.Inner"}


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[2Jb", "x" * 201, "\ud800"])
def test_a_name_that_can_not_be_shown_is_refused(make_registry, tasks, name):
    """A name is stored, printed and typed."""
    with pytest.raises(InvalidTaskError, match="1 to 200 printable characters"):
        make_registry().register(name, tasks.Resize)


@pytest.mark.parametrize("name", [None, 5, b"resize"])
def test_a_name_that_is_no_text_is_refused(make_registry, tasks, name):
    """The message says what it is instead."""
    with pytest.raises(InvalidTaskError, match=f"must be a str, not {type(name).__name__}"):
        make_registry().register(name, tasks.Resize)


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ("NoTask", "must be a subclass of lilota.TaskBase"),
        ("Incomplete", r"must define run\(\)"),
        ("Abstract", r"must define size\(\)"),
        ("AsynchronousYielding", "without 'yield'"),
        ("Yielding", "without 'yield'"),
        ("make_local", "must be a class, not function"),
        ("HiddenClass", "'application_tasks' has another object under the name 'Hidden'"),
    ],
)
def test_a_class_that_can_not_be_a_task_is_refused(make_registry, tasks, attribute, problem):
    """The message names the task and says what is wrong."""
    registry = make_registry()

    with pytest.raises(InvalidTaskError, match=f"The task 'resize'.*{problem}"):
        registry.register("resize", getattr(tasks, attribute))

    assert registry.references() == {}


def test_a_class_with_a_wrong_option_is_refused(make_registry, tasks, monkeypatch):
    """What an error should be handled with must not turn out to be wrong in the middle of that error."""
    monkeypatch.setattr(tasks.Resize, "retry_on", ConnectionError)

    with pytest.raises(InvalidTaskError, match=r"Resize\.retry_on must be a tuple of exception classes"):
        make_registry().register("resize", tasks.Resize)


def test_a_class_inside_a_function_is_refused(make_registry, tasks):
    """A worker process can't import it."""
    with pytest.raises(InvalidTaskError, match=r"defined inside a function\. Move it to the top level"):
        make_registry().register("resize", tasks.make_local())


def test_a_class_of_a_module_that_was_made_by_hand_is_refused(make_registry, monkeypatch):
    """It is in `sys.modules` of this process only."""
    module = types.ModuleType("handmade_tasks")
    monkeypatch.setitem(sys.modules, "handmade_tasks", module)
    source = "from lilota.models import TaskBase\nclass Resize(TaskBase):\n    def run(self): return None"
    exec(source, vars(module))

    with pytest.raises(InvalidTaskError, match="no module 'handmade_tasks' can be found on the import path"):
        make_registry().register("resize", module.Resize)


def test_registering_another_class_under_a_name_is_warned_of(make_registry, tasks, caplog):
    """The later one counts; the same one again is nothing to talk about."""
    registry = make_registry()

    registry.register("resize", tasks.Resize)
    registry.register("resize", tasks.Resize)
    quiet = caplog.text
    registry.register("resize", tasks.Other)

    assert quiet == ""
    assert "'resize' stood for" in caplog.text
    assert registry.resolve("resize") is tasks.Other


def test_registering_a_class_of_a_module_that_was_loaded_anew_is_not_warned_of(make_registry, tasks, caplog):
    """As somebody does in a notebook after a change: it is the same class for whoever imports it."""
    registry = make_registry()
    earlier = tasks.Resize
    registry.register("resize", earlier)

    importlib.reload(tasks)
    registry.register("resize", tasks.Resize)

    assert tasks.Resize is not earlier
    assert caplog.text == ""
    assert registry.resolve("resize") is tasks.Resize


def test_a_misspelt_option_is_warned_of_once(make_registry, tasks, caplog, monkeypatch):
    """The task runs all the same: the attribute may be there for something else."""
    monkeypatch.setattr(tasks.Resize, "max_retries", 3, raising=False)
    registry = make_registry()

    registry.register("resize", tasks.Resize)
    registry.register("resize", tasks.Resize)

    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("The task 'resize': lilota does not read application_tasks.Resize.max_retries. Did you mean")
    assert registry.resolve("resize") is tasks.Resize


# --- Functions ---


FUNCTIONS = """
from lilota import task

@task
def resize() -> None: ...

@task(name="images:crop")
def crop() -> None: ...

def plain() -> None: ...
"""


@pytest.fixture
def declare(tmp_path, monkeypatch):
    """Return a function that writes a module with functions and imports it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def declare(name, source=FUNCTIONS):
        (tmp_path / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield declare
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_a_function_is_registered_like_a_class(make_registry, declare):
    """For workers there is a reference to the function; what runs it is its class."""
    functions = declare("shop_registered")
    registry = make_registry()

    registry.register("thumbs", functions.resize)

    assert registry.resolve("thumbs") is functions.resize.task_class
    assert registry.references()["thumbs"] == "shop_registered:resize"


def test_a_function_can_be_registered_under_its_own_name(make_registry, declare):
    """It has one; a class has not."""
    functions = declare("shop_own_name")
    registry = make_registry()

    registry.register(functions.crop)

    assert registry.resolve("images:crop") is functions.crop.task_class


def test_a_declared_function_is_known_without_being_registered(make_registry, declare):
    """To import its module is enough; workers get a reference to it."""
    functions = declare("shop_declared")
    registry = make_registry()

    assert {"images:crop", "resize"} <= set(registry.names())
    assert registry.check("resize") == "resize"
    assert registry.resolve("images:crop") is functions.crop.task_class
    assert registry.references() == {"resize": "shop_declared:resize", "images:crop": "shop_declared:crop"}


def test_what_is_registered_or_configured_hides_what_is_declared(make_registry, declare, tasks):
    """The program has said what it means."""
    declare("shop_hidden")
    registry = make_registry(tasks={"images:crop": "application_tasks:Other"})

    registry.register("resize", tasks.Resize)

    assert registry.resolve("resize") is tasks.Resize
    assert registry.resolve("images:crop") is tasks.Other
    assert registry.references() == {"resize": "application_tasks:Resize", "images:crop": "application_tasks:Other"}


def test_two_declared_functions_of_one_name_are_an_error_that_names_both(make_registry, declare):
    """Nothing is wrong until the name is used: one of the modules may have been imported for something else."""
    declare("shop_one")
    other = declare("shop_two")
    registry = make_registry()

    for use in (registry.check, registry.resolve):
        with pytest.raises(
            InvalidTaskError, match=r"as shop_one:resize and shop_two:resize\. Give one of them another"
        ):
            use("resize")
    assert "resize" not in registry.names()

    registry.register(other.resize)

    assert registry.resolve("resize") is other.resize.task_class


def test_a_function_of_a_module_that_was_loaded_anew_is_the_new_one(make_registry, declare):
    """As in a notebook."""
    functions = declare("shop_anew")
    earlier = functions.resize

    importlib.reload(functions)

    assert functions.resize is not earlier
    assert make_registry().resolve("resize") is functions.resize.task_class


def test_a_configured_function_is_imported_where_it_is_used(make_registry, declare):
    """A reference leads to a function as it does to a class."""
    functions = declare("shop_configured")
    registry = make_registry(tasks={"thumbs": "shop_configured:resize"})

    assert registry.resolve("thumbs") is functions.resize.task_class


def test_an_installed_function_is_imported_where_it_is_used(make_registry, declare, tmp_path):
    """An entry point may name a function, under any name; a worker that has none of its own registrations finds it."""
    write_distribution(tmp_path, "shop", "1.0", "[lilota.tasks]\nthumbs = shop_installed:resize\n")
    functions = declare("shop_installed")
    registry = make_registry()

    assert registry.resolve("thumbs") is functions.resize.task_class


def test_a_configured_function_without_the_decorator_is_told_of_it(make_registry, declare):
    """It is one line away from being a task."""
    declare("shop_undecorated")
    registry = make_registry(tasks={"plain": "shop_undecorated:plain"})

    with pytest.raises(InvalidTaskError, match=r"The task 'plain' must be a class.*Decorate it with @lilota\.task"):
        registry.resolve("plain")


def test_a_function_inside_a_function_is_refused_where_it_is_registered(make_registry):
    """A test may run it inline; a worker could not import it."""

    @task
    def inner() -> None: ...

    registry = make_registry()

    with pytest.raises(InvalidTaskError, match=r"inner is defined inside a function\. Move it to the top level"):
        registry.register(inner)
    assert "inner" not in registry.names()


def test_a_function_in_place_of_a_name_is_answered_with_how_to_add_it(make_registry, declare):
    """What is meant is plain, but for the arguments."""
    functions = declare("shop_named")

    with pytest.raises(UnknownTaskError, match=r"Add it with its arguments: add\(resize\.bind\(\.\.\.\)\)"):
        make_registry().check(functions.resize)


def test_a_coroutine_in_place_of_a_name_is_answered_with_how_to_add_it(make_registry):
    """Whoever calls a coroutine function has run nothing yet; and nobody is warned of one that was never awaited."""

    async def resize() -> None: ...

    with pytest.raises(UnknownTaskError, match=r"add\(resize\.bind\(\.\.\.\)\), without calling it\."):
        make_registry().check(resize())


FUNCTION_PROGRAM = """
from lilota import TaskRunner, task

@task
def resize(width: int = 800) -> tuple[str, int]:
    return "resized", width

if __name__ == "__main__":
    with TaskRunner("memory", 1) as runner:
        print(runner.add(resize.bind(width=3)).result(60), runner.add("resize").result(60))
"""


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_a_script_with_a_function_needs_no_registration(tmp_path, method):
    """A worker runs the script again, and finds the function under its name in it."""
    printed = run_program(tmp_path, "program.py", files={"program.py": FUNCTION_PROGRAM}, LILOTA_START_METHOD=method)

    assert printed == "('resized', 3) ['resized', 800]\n"


@pytest.mark.parametrize("first", ["", "import program\n"], ids=["script first", "module first"])
def test_a_script_that_is_also_a_module_of_tasks_declares_each_once(tmp_path, first):
    """It has two modules then, `__main__` and its name, in one file; either function adds the one task."""
    views = """
def show(runner):
    import program
    print(runner.add(program.resize.bind(width=5)).result(60))
"""
    program = f"{first}{FUNCTION_PROGRAM}        import views\n        views.show(runner)\n"
    files = {"program.py": program, "views.py": views, "lilota.toml": 'modules = ["program"]'}

    printed = run_program(tmp_path, "program.py", files=files)

    assert printed == "('resized', 3) ['resized', 800]\n('resized', 5)\n"


def test_a_function_under_the_main_guard_is_refused_with_the_reason(tmp_path):
    """In the worker the guarded part does not run, so the function would not be there."""
    program = """
from lilota import TaskRunner, task
from lilota.errors import InvalidTaskError

if __name__ == "__main__":
    @task
    def resize() -> None: ...

    with TaskRunner("memory", 1) as runner:
        try:
            runner.add("resize")
        except InvalidTaskError as error:
            print(error)
"""

    printed = run_program(tmp_path, "program.py", files={"program.py": program})

    assert "The task 'resize' can't be imported by worker processes: resize is defined inside `if __name__" in printed


# --- Classes of the program's own script ---


def test_a_class_of_the_script_itself_is_accepted(tmp_path):
    """multiprocessing runs the script again in the worker."""
    printed = run_program(tmp_path, "program.py", files={"program.py": TOP_LEVEL})

    assert printed == "accepted: __main__:Resize\n"


def test_a_class_under_the_main_guard_is_refused(tmp_path):
    """In the worker the guarded part does not run, so the class would not be there."""
    printed = run_program(tmp_path, "program.py", files={"program.py": UNDER_GUARD})

    assert "refused: The task 'resize' can't be imported by worker processes: Resize is defined inside `if" in printed


def test_a_class_of_a_program_on_the_command_line_is_refused(tmp_path):
    """`python -c` leaves no file that a worker could run."""
    printed = run_program(tmp_path, "-c", TOP_LEVEL)

    assert "refused:" in printed
    assert "an interactive session, `python -c` or standard input" in printed


def test_a_class_of_a_program_on_standard_input_is_refused(tmp_path):
    """As for `python -c`."""
    printed = run_program(tmp_path, "-", stdin=TOP_LEVEL)

    assert "an interactive session, `python -c` or standard input" in printed


def test_a_class_in_the_main_module_of_a_package_is_refused(tmp_path):
    """multiprocessing does not run a `__main__.py` again."""
    files = {"package/__init__.py": "", "package/__main__.py": TOP_LEVEL}

    printed = run_program(tmp_path, "-m", "package", files=files)

    assert f"defined in {tmp_path / 'package' / '__main__.py'}, and multiprocessing runs no __main__.py" in printed


@pytest.mark.parametrize("packed", [True, False], ids=["archive", "folder"])
def test_a_class_in_the_main_module_of_an_archive_is_refused(tmp_path, packed):
    """`python program.pyz` and `python program/` run a `__main__.py`, too: that is the reason, and no other."""
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "__main__.py").write_text(TOP_LEVEL)
    zipapp.create_archive(tmp_path / "program", tmp_path / "program.pyz")

    printed = run_program(tmp_path, "program.pyz" if packed else "program")

    assert "and multiprocessing runs no __main__.py again. Move it to the top level of a module of its own" in printed


def test_a_class_of_a_script_that_was_deleted_is_refused(tmp_path):
    """What is not there can't be run again."""
    deletes = TOP_LEVEL.replace("    pass\n", "    import os; os.remove(__file__)\n")

    printed = run_program(tmp_path, "program.py", files={"program.py": deletes})

    assert "program.py, from which the program comes, is not there any more" in printed


def test_a_class_of_the_script_of_a_frozen_program_is_accepted(tmp_path):
    """A frozen program has no file for its script, and needs none: as a worker it is itself again."""
    frozen = TOP_LEVEL.replace(
        "    pass\n", "    import sys; sys.frozen = True; __file__ = 'program.py of the bundle'\n"
    )

    printed = run_program(tmp_path, "program.py", files={"program.py": frozen})

    assert printed == "accepted: __main__:Resize\n"


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_a_script_may_register_its_classes_outside_of_the_main_guard(tmp_path, method):
    """A worker, which runs the script again, registers them too, and looks for no reason against it."""
    program = """
from lilota import TaskBase, TaskRunner

class Resize(TaskBase):
    def run(self): return {"resized": True}

runner = TaskRunner("memory", 1)
runner.register("resize", Resize)

if __name__ == "__main__":
    with runner:
        print(runner.add("resize").result(60))
"""

    printed = run_program(tmp_path, "program.py", files={"program.py": program}, LILOTA_START_METHOD=method)

    assert printed == "{'resized': True}\n"


def test_a_class_of_a_module_that_is_run_by_name_is_accepted(tmp_path):
    """`python -m package.program` is run again by name."""
    files = {"package/__init__.py": "", "package/program.py": TOP_LEVEL}

    printed = run_program(tmp_path, "-m", "package.program", files=files)

    assert printed == "accepted: __main__:Resize\n"


# --- Finding ---


def test_configured_tasks_are_known_and_loaded_when_they_are_used(make_registry, tasks):
    """`[tool.lilota.tasks]` needs no registration."""
    registry = make_registry(tasks={"resize": "application_tasks:Resize"})

    registry.check("resize")

    assert registry.references() == {"resize": "application_tasks:Resize"}
    assert registry.resolve("resize") is tasks.Resize


def test_a_module_of_tasks_that_starts_a_runner_is_refused(make_registry, tmp_path, monkeypatch):
    """Each worker that imports it would have workers of its own, which import it, and so on."""
    (tmp_path / "starting_tasks.py").write_text(
        "from lilota import TaskBase, TaskRunner\n"
        "class Resize(TaskBase):\n    def run(self): return None\n"
        "TaskRunner('memory://', 1).start()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(InvalidTaskError, match=r"'starting_tasks' starts a task runner when it is imported.*__main__"):
        make_registry(tasks={"resize": "starting_tasks:Resize"}).resolve("resize")


def test_an_installed_task_is_known_by_its_name(make_registry):
    """A stranger's package is enough; nothing of it is imported by `check`."""
    registry = make_registry("good")

    registry.check("good_task")

    assert {"good_task", "computed_task"} <= set(registry.names())
    assert issubclass(registry.resolve("good_task"), TaskBase)
    assert "good_task" not in registry.references()


def test_what_the_program_registers_wins_over_what_is_installed(make_registry, tasks):
    """Even where installed distributions are in conflict about the name."""
    registry = make_registry("rival_a", "rival_b")

    registry.register("shared_task", tasks.Resize)

    assert registry.resolve("shared_task") is tasks.Resize
    assert "shared_task" in registry.names()


def test_a_family_stands_for_all_names_that_begin_like_it(make_registry, tasks):
    """The nearest wins, and a name that is registered itself before all."""
    registry = make_registry()
    registry.register("reports:*", tasks.Resize)
    registry.register("reports:eu:*", tasks.Other)
    registry.register("reports:eu:daily", tasks.Resize)

    classes = {name: registry.resolve(name) for name in ("reports:us", "reports:eu:weekly", "reports:eu:daily")}

    assert list(classes.values()) == [tasks.Resize, tasks.Other, tasks.Resize]
    assert registry.check("reports:us") == "reports:*"
    assert registry.imported_class("reports:us").max_lost_attempts == 1
    assert not registry.knows("reports")


def test_a_family_may_have_a_class_for_each_name(make_registry, monkeypatch, tasks):
    """Its class says which; what it gives is checked like any other, and asking for the family gives that class."""
    monkeypatch.setattr(
        tasks.Resize, "for_name", lambda name: tasks.Other if name == "reports:eu" else tasks, raising=True
    )
    registry = make_registry()
    registry.register("reports:*", tasks.Resize)

    assert registry.resolve("reports:eu") is tasks.Other
    assert registry.resolve("reports:*") is tasks.Resize
    with pytest.raises(InvalidTaskError, match="The task 'reports:us' must be a class, not module"):
        registry.resolve("reports:us")


def test_a_family_is_no_name_of_a_task(make_registry, tasks):
    """Nobody should wonder who runs it."""
    registry = make_registry()
    registry.register("reports:*", tasks.Resize)

    with pytest.raises(UnknownTaskError, match=r"stands for all task names that begin with 'reports:': add one of"):
        registry.check("reports:*")


def test_an_unknown_name_gets_the_nearest_one_as_a_hint(make_registry, tasks):
    """The message lists what is known, and says what to do."""
    registry = make_registry("good")
    registry.register("resize_image", tasks.Resize)

    for use in (registry.check, registry.resolve):
        with pytest.raises(UnknownTaskError) as caught:
            use("resise_image")
        assert str(caught.value).startswith(
            "Unknown task 'resise_image'. Did you mean 'resize_image'? Known here: 'resize_image'. Installed: "
        )
        assert "'good_task'" in str(caught.value)
        assert "Register it before runner.start(), write where it is under [tasks]" in str(caught.value)
        assert "No [tasks] or modules are configured" not in str(caught.value)


def test_an_unknown_name_where_nothing_is_configured_points_to_the_working_folder(make_registry):
    """A web server that a service manager starts in another folder finds no configuration there."""
    with pytest.raises(UnknownTaskError, match=r"No \[tasks\] or modules are configured for the working folder"):
        make_registry().check("resize_image")


def test_a_long_list_of_names_is_cut(make_registry):
    """The first twenty are enough to see what is wrong."""
    registry = make_registry(tasks={f"task_{i:02}": "x:Y" for i in range(25)})

    with pytest.raises(UnknownTaskError, match="'task_19' and 5 more"):
        registry.check("nothing_like_it")


@pytest.mark.parametrize("name", [None, 5, "os.system", "../x", "json:dumps", "antigravity"])
def test_a_name_is_never_imported(make_registry, name, monkeypatch):
    """Whoever writes to a store can name registered tasks and nothing else."""
    monkeypatch.delitem(sys.modules, "antigravity", raising=False)
    registry = make_registry()

    for use in (registry.check, registry.resolve):
        with pytest.raises(UnknownTaskError):
            use(name)

    assert "antigravity" not in sys.modules


def test_a_name_in_conflict_is_refused_with_the_way_out(make_registry):
    """It is not among the names that a runner claims."""
    registry = make_registry("rival_a", "rival_b")

    for use in (registry.check, registry.resolve):
        with pytest.raises(PluginConflictError, match="LILOTA_PLUGIN_CHOICE"):
            use("shared_task")

    assert "shared_task" not in registry.names()


def test_a_disabled_task_is_refused_with_the_setting(make_registry):
    """It is installed, so "unknown" alone would mislead."""
    registry = make_registry("good", plugins_blocked=("good_task",))

    with pytest.raises(UnknownTaskError, match=r"'good_task' can't be used.*blocked by plugins_blocked"):
        registry.check("good_task")


def test_a_task_that_failed_to_load_fails_the_same_way_again(make_registry):
    """The second error is as clear as the first."""
    registry = make_registry("good")

    for _ in range(2):
        with pytest.raises(InvalidTaskError, match="can't be loaded from 'good_tasks:MissingTask'"):
            registry.resolve("missing_task")


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("no_such_application:Resize", "can't be imported from.*ModuleNotFoundError"),
        ("application_tasks:Rezise", "can't be imported from.*has no attribute 'Rezise'"),
        ("application_tasks:NoTask", "must be a subclass"),
    ],
)
def test_a_configured_class_that_is_not_there_is_an_error_of_its_task(make_registry, tasks, reference, problem):
    """The message names the task, the reference and the cause."""
    registry = make_registry(tasks={"resize": reference})

    with pytest.raises(InvalidTaskError, match=f"The task 'resize'.*{problem}"):
        registry.resolve("resize")


def test_lost_attempts_are_known_for_classes_of_the_program_only(make_registry, tasks):
    """Asking does not import an installed task."""
    registry = make_registry("good")
    registry.register("resize", tasks.Resize)

    assert registry.imported_class("resize").max_lost_attempts == 1
    assert registry.imported_class("good_task") is TaskBase


def test_an_installed_class_counts_as_imported_once_it_was_resolved(make_registry):
    """Who adds it then, as the command line does, has its input checked."""
    registry = make_registry("good")

    assert registry.resolve("good_task") is registry.imported_class("good_task")


# --- In a worker ---


def test_a_worker_finds_the_classes_by_their_references(make_registry, tasks):
    """What was registered or configured in the runner, and what both have installed."""
    runner = make_registry("good", tasks={"other": "application_tasks:Other"})
    runner.register("resize", tasks.Resize)
    plugins = Plugins(runner.plugins.settings, pinned=runner.plugins.resolved())

    worker = Registry.from_references(runner.references(), plugins)

    assert worker.names() == runner.names()
    assert worker.resolve("resize") is tasks.Resize
    assert worker.resolve("other") is tasks.Other
    assert worker.resolve("good_task") is runner.resolve("good_task")


def test_a_class_of_the_script_is_found_in_a_worker(tmp_path):
    """The script is `__mp_main__` there, and the reference says `__main__`."""
    program = """
import multiprocessing
from lilota.config import Settings
from lilota.models import TaskBase
from lilota.plugins import Plugins
from lilota.registry import Registry

class Resize(TaskBase):
    def run(self): return None

def work(references):
    registry = Registry.from_references(references, Plugins(Settings(), pinned=()))
    print(registry.resolve("resize") is Resize, registry.references())

if __name__ == "__main__":
    registry = Registry(Plugins(Settings(plugins_off=True)))
    registry.register("resize", Resize)
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(registry.references(),))
    worker.start()
    worker.join()
"""

    printed = run_program(tmp_path, "program.py", files={"program.py": program})

    assert printed == "True {'resize': '__main__:Resize'}\n"
