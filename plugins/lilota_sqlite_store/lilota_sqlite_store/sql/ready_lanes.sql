SELECT id, queue, name FROM lanes WHERE ready > 0
