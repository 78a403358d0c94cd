"""Long tasks with checkpoints and files, whose workers, runners and server are killed."""

from __future__ import annotations

import pytest
from long_task_kills import check_kills, number_of_tasks, striking

TASKS = number_of_tasks(30)


@pytest.mark.slow
@pytest.mark.timeout(300 + 4 * TASKS)
def test_kills_of_server_runners_and_workers_cost_no_row_and_leave_no_half_file(site, tmp_path):
    """Each task goes on from its last durable checkpoint and ends; its file is whole, and the sweep leaves no other."""
    files = f"file://{tmp_path}/files"
    with striking(tmp_path, site.new_url(), files=files, restart_store=site.restart_killed) as striker:
        check_kills(striker, tmp_path, TASKS)

        assert striker.restarts > 0
