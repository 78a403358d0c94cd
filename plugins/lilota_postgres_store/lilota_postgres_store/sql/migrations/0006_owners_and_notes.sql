-- Whose task it is; what an attempt says beside its progress; from where the next one goes on. Bundles have no place for
-- these. Owners, and what names a note, are compared character by character, whatever the collation of the database is.
ALTER TABLE {tasks}
    ADD COLUMN owner text COLLATE "C",
    ADD COLUMN progress_note text,
    ADD COLUMN checkpoint text;

-- find, counts: the tasks of an owner. Most tasks have none, and no entry here.
CREATE INDEX {tasks_by_owner} ON {tasks} (owner, id) WHERE owner IS NOT NULL;

-- What is kept beside a task until it is pruned.
CREATE TABLE {notes} (
    task_id bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    value text NOT NULL,
    attempt integer NOT NULL,
    PRIMARY KEY (task_id, kind, name)
);

-- Programs of before may go on, and start: where they claim, a task begins anew, as it would without a checkpoint; what a
-- success leaves of one is pruned with the task; notes of what they prune stay, but nobody finds them.
