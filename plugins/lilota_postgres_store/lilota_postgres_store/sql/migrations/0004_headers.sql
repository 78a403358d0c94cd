-- What travels with a task, and is nobody's business here. A bundle has NULL where none of its tasks has any. The views
-- stay as they are, for programs that are not restarted yet: the others have the columns in their statements. An older
-- lilota that claimed a part of a bundle would lose the headers of all of it.
ALTER TABLE {tasks} ADD COLUMN headers text;
ALTER TABLE {bundles} ADD COLUMN headers text[];
-- A bundle is short enough for a page, and is deleted soon: compressing it, and putting parts of it elsewhere, costs
-- more than it saves.
ALTER TABLE {bundles} SET (toast_tuple_target = 8160);

UPDATE {meta} SET value = '4' WHERE key = 'min_reader';
