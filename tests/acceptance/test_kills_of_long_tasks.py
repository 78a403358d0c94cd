"""Long tasks with checkpoints and files, whose workers and runners are killed."""

from __future__ import annotations

import pytest
from long_task_kills import check_kills, number_of_tasks, striking
from running import store_url

TASKS = number_of_tasks(40)


@pytest.mark.slow
@pytest.mark.timeout(300 + 2 * TASKS)
def test_kills_cost_no_row_and_leave_no_half_file(tmp_path):
    """Each task goes on from its last durable checkpoint and ends; its file is whole, and the sweep leaves no other."""
    with striking(tmp_path, store_url("sqlite", tmp_path)) as striker:
        check_kills(striker, tmp_path, TASKS)
