"""What belongs to nobody is deleted, and nothing else, whatever the clocks say."""

import logging
from datetime import UTC, datetime

import pytest
from lilota_memory_store import MemoryTaskStore

from lilota.config import Settings
from lilota.contract import ClaimRequest, RunnerInfo, microseconds
from lilota.errors import FileAreaError
from lilota.files.folder import FolderArea
from lilota.files.places import Owner, new_place, new_upload_place
from lilota.files.reading import FilesOfStore, note_of
from lilota.files.sweeping import Sweeper
from lilota.models import AttachedFile, AttemptUpdate, NewTask, Note, Outcome, TaskState
from lilota.plugins import Plugins
from lilota.running.sweep import FileSweep

DAY = 86_400.0


class Shop:
    """A store with its files, and a runner that is driven by hand."""

    def __init__(self, folder):
        self.store = MemoryTaskStore()
        self.settings = Settings(files=f"file://{folder}/files")
        self.files = FilesOfStore(self.store, Plugins(self.settings))
        self.now = 1_800_000_000.0
        self.sweeper = Sweeper(self.store, self.files, clock=lambda: self.now)
        self.store.heartbeat(RunnerInfo(id="runner", lease_seconds=DAY))

    def claim(self, count=1):
        self.store.add([NewTask(name="task")] * count)
        return self.claim_again(count)

    def claim_again(self, count=1):
        return self.store.claim(ClaimRequest(runner_id="runner", names=("task",), limit=count)).claims

    def put(self, claim, *, part=False):
        """Put a file of an attempt, without a note; return its place."""
        owner = Owner(claim.id, microseconds(claim.created_at), claim.token)
        place = new_place(owner, self.files.settings.namespace) + (".part" if part else "")
        self.files.area.put(place, [b"x"])
        return place

    def note(self, claim, place, name="a", expires_at=None):
        file = AttachedFile(name=name, size=1, media_type="text/plain", sha256="", place=place, expires_at=expires_at)
        self.store.commit([AttemptUpdate(id=claim.id, token=claim.token, notes=(note_of(file),))])

    def end(self, claim, state=TaskState.SUCCEEDED):
        self.store.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=Outcome(state=state))])

    def left(self):
        area = self.files.area
        return {place for folder in self.sweeper.folders() for place in area.files(folder)}


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def test_what_a_note_names_stays(shop):
    """While its task runs, when it has ended, and when it runs again."""
    (claim,) = shop.claim()
    place = shop.put(claim)
    shop.note(claim, place)

    for end in (lambda: None, lambda: shop.end(claim, TaskState.FAILED), lambda: shop.store.retry(claim.id)):
        end()
        assert shop.sweeper.sweep() == 0
    shop.claim_again()
    assert shop.sweeper.sweep() == 0
    assert shop.left() == {place}


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.parametrize("state", [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED, TaskState.PENDING])
def test_what_no_note_names_goes_when_its_attempt_is_over(shop, part, state):
    """And not a moment before: the note may be on its way."""
    (claim,) = shop.claim()
    place = shop.put(claim, part=part)
    while_it_runs = shop.sweeper.sweep(), shop.left()

    shop.end(claim, state)

    assert while_it_runs == (0, {place})
    assert shop.sweeper.sweep() == 1
    assert shop.left() == set()


def test_the_next_attempt_keeps_what_is_on_its_way(shop):
    """What the one before had on its way goes."""
    (first,) = shop.claim()
    old = shop.put(first)
    shop.end(first, TaskState.PENDING)
    (second,) = shop.claim_again()
    new = shop.put(second)

    assert shop.sweeper.sweep() == 1
    assert shop.left() == {new}
    assert old != new


def test_what_a_newer_file_of_its_name_has_replaced_goes(shop):
    """Here that of an earlier attempt."""
    (first,) = shop.claim()
    old = shop.put(first)
    shop.note(first, old)
    shop.end(first, TaskState.PENDING)
    (second,) = shop.claim_again()
    new = shop.put(second)
    shop.note(second, new)

    assert shop.sweeper.sweep() == 1
    assert shop.left() == {new}
    assert old != new


def test_what_has_expired_goes_even_while_its_task_runs(shop):
    """The others of the task stay."""
    (claim,) = shop.claim()
    places = [shop.put(claim) for _ in range(2)]
    shop.note(claim, places[0], "a", expires_at=shop.now + DAY)
    shop.note(claim, places[1], "b")
    before = shop.sweeper.sweep()

    shop.now += 2 * DAY

    assert (before, shop.sweeper.sweep()) == (0, 1)
    assert shop.left() == {places[1]}


def test_what_was_pruned_takes_its_files_along(shop):
    """The next sweep finds that their task is not there."""
    kept, pruned = shop.claim(2)
    for claim in (kept, pruned):
        shop.note(claim, shop.put(claim))
    shop.end(pruned)
    shop.store.prune(-1.0)

    assert shop.sweeper.sweep() == 1
    assert len(shop.left()) == 1


def test_a_task_of_the_same_number_in_a_new_store_does_not_own_what_an_old_one_left(shop):
    """It was added at another instant."""
    (claim,) = shop.claim()
    owner = Owner(claim.id, microseconds(claim.created_at) - 1, claim.token)
    shop.files.area.put(new_place(owner, shop.files.settings.namespace), [b"x"])

    assert shop.sweeper.sweep() == 1


def test_what_a_note_names_stays_after_a_copy_into_a_store_of_less_exact_instants(shop):
    """There, the task was added at another microsecond."""
    (claim,) = shop.claim()
    owner = Owner(claim.id, microseconds(claim.created_at) - 1, claim.token)
    place = new_place(owner, shop.files.settings.namespace)
    shop.files.area.put(place, [b"x"])
    shop.note(claim, place)

    assert shop.sweeper.sweep() == 0


@pytest.mark.parametrize(
    "value_json", ["{}", '"no"', '{"name": "../a", "size": 1, "media_type": "", "sha256": "", "place": "0/a"}']
)
def test_a_damaged_record_keeps_the_files_of_its_task_and_no_others(shop, caplog, value_json):
    """A turn goes on with the next task, and says which one was left out."""
    damaged, other = shop.claim(2)
    places = [shop.put(claim) for claim in (damaged, other)]
    note = Note(kind="file", name="a", value_json=value_json)
    shop.store.commit([AttemptUpdate(id=damaged.id, token=damaged.token, notes=(note,))])
    for claim in (damaged, other):
        shop.end(claim)

    assert shop.sweeper.sweep() == 1
    assert shop.left() == {places[0]}
    assert f"The files of the task {damaged.id} are left alone" in caplog.text


def test_what_belongs_to_others_is_left_alone(shop, tmp_path):
    """Files of people, and those of another store in the same area."""
    (claim,) = shop.claim()
    shop.end(claim)
    namespace = shop.files.settings.namespace
    (tmp_path / "files" / namespace / "0").mkdir(parents=True)
    (tmp_path / "files" / namespace / "0" / "notes.txt").write_text("mine")
    shop.files.area.put(f"0123456789abcdef/0/{claim.id}-0-1-{'0' * 16}", [b"x"])

    assert shop.sweeper.sweep() == 0
    assert (tmp_path / "files" / namespace / "0" / "notes.txt").exists()
    assert list(shop.files.area.files("0123456789abcdef/0")) != []


def uploaded(shop):
    """Upload a file that expires today; return its place."""
    place = new_upload_place(datetime.fromtimestamp(shop.now, UTC), shop.files.settings.namespace)
    shop.files.area.put(place, [b"x"])
    return place


def uploads_left(shop):
    """Return the places of all uploads."""
    area, folder = shop.files.area, f"{shop.files.settings.namespace}/uploads"
    return {place for day in area.folders(folder) for place in area.files(day)}


def test_what_was_uploaded_goes_when_the_day_of_its_expiry_is_over(shop):
    uploaded(shop)
    before = shop.sweeper.sweep()

    shop.now += DAY

    assert (before, shop.sweeper.sweep(), shop.sweeper.sweep()) == (0, 1, 0)


@pytest.mark.parametrize("place_of", [str, lambda place: place.replace("/", r"\/")], ids=["plain", "escaped"])
def test_what_a_task_refers_to_stays_until_that_has_ended(shop, place_of):
    """While it waits and while it runs; what no task refers to goes. It is looked at again after an hour."""
    place, other = uploaded(shop), uploaded(shop)
    shop.store.add([NewTask(name="task", input_json=f'{{"photo":{{"place":"{place_of(place)}"}}}}')])
    shop.now += 10 * DAY

    swept = [shop.sweeper.sweep()]
    (claim,) = shop.claim_again()
    shop.now += 3600
    swept.append(shop.sweeper.sweep())
    shop.end(claim)
    swept.append(shop.sweeper.sweep())
    left = uploads_left(shop)
    shop.now += 3600
    swept.append(shop.sweeper.sweep())

    assert swept == [1, 0, 0, 1]
    assert (other in left, left, uploads_left(shop)) == (False, {place}, set())


def test_a_turn_reads_so_many_tasks_and_deletes_no_upload_before_all_are_read(shop, monkeypatch):
    """However many tasks wait, one turn costs the same."""
    monkeypatch.setattr("lilota.files.sweeping.TASKS_PER_TURN", 500)
    place, other = uploaded(shop), uploaded(shop)
    shop.store.add([NewTask(name="task")] * 1200)
    shop.store.add([NewTask(name="task", input_json=f'{{"photo":"{place}"}}')])
    shop.now += 2 * DAY

    assert [shop.sweeper.sweep() for _ in range(3)] == [0, 0, 1]
    assert uploads_left(shop) == {place} != {other}


def test_all_can_be_swept_at_once(shop, monkeypatch):
    """As somebody asks for it who has pruned; nothing waits for another turn."""
    monkeypatch.setattr("lilota.files.sweeping.FILES_PER_TURN", 1)
    monkeypatch.setattr("lilota.files.sweeping.TASKS_PER_TURN", 1)
    claims = shop.claim(3)
    kept = shop.put(claims[0])
    for claim in claims[1:]:
        shop.put(claim)
        shop.end(claim)
    uploaded(shop)
    shop.now += 2 * DAY

    assert shop.sweeper.count_nobodys() == (3, 2)
    assert shop.sweeper.sweep_all() == 3
    assert shop.left() == {kept}
    assert shop.sweeper.count_nobodys() == (1, 0)


def test_a_turn_looks_at_so_many_files_and_the_next_one_goes_on(shop, monkeypatch):
    """However many files there are, one turn costs the same, and after some turns all were looked at."""
    monkeypatch.setattr("lilota.files.sweeping.FILES_PER_TURN", 3)
    claims = shop.claim(6)
    for claim in claims:
        for number in range(2):
            folder = new_place(Owner(claim.id * 1000, 0, 1), shop.files.settings.namespace)
            shop.files.area.put(folder, [bytes(number)])

    turns = [shop.sweeper.sweep() for _ in range(4)]

    assert turns == [4, 4, 4, 0]


def test_a_runner_without_files_takes_no_turn(tmp_path):
    """A turn is a write to the store; the folder is not there before the first file."""

    class NoTurns(MemoryTaskStore):
        def take_turn(self, chore, every_seconds):
            raise AssertionError(chore)

    store = NoTurns()
    settings = Settings()
    sweep = FileSweep(store, Plugins(settings), settings, store.capabilities().files)

    assert sweep.is_possible
    assert sweep.run(60) == 0


def test_where_there_can_be_no_files_nothing_is_looked_for():
    """As on a server for which nobody has set an area."""
    assert not FileSweep(MemoryTaskStore(), Plugins(Settings()), Settings(), None).is_possible


@pytest.mark.parametrize("error", [FileAreaError("the bucket is away"), ZeroDivisionError("a bug")])
def test_an_area_that_fails_costs_the_runner_a_warning(shop, monkeypatch, caplog, error):
    """The next turn tries again."""

    def fail(*_arguments):
        raise error

    monkeypatch.setattr(FolderArea, "folders", fail)
    sweep = FileSweep(shop.store, Plugins(shop.settings), shop.settings, None)

    with caplog.at_level(logging.WARNING):
        assert sweep.run(60) == 0
    assert "could not be deleted this time" in caplog.text
