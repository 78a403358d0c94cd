-- State 7, fresh: due since it was added, with the usual priority. Such tasks run in the order of their ids. The index
-- by state has them in that order, so they need no entry among the ready tasks, and adding costs less. An older lilota
-- would never run them.
UPDATE {meta} SET value = '2' WHERE key = 'min_reader';
