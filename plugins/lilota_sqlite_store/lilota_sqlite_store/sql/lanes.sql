SELECT id, queue, name, waiting, scheduled, ready, running, succeeded, failed, cancelled FROM lanes
