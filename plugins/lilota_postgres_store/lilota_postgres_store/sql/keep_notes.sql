-- Keep the notes of attempts whose tokens are current, each in the place of the one of its kind and name. It runs before
-- `commit`, in the same transaction: what is locked here is still so when that writes, which then comes to the same end.
-- Rows are locked by id, as all do it.
WITH held AS (
    SELECT id, token FROM {tasks}
    WHERE id = ANY (%(ids)s::bigint[]) AND token = ANY (%(tokens)s::bigint[]) AND state + 0 = 3
    ORDER BY id FOR NO KEY UPDATE
)
INSERT INTO {notes} (task_id, kind, name, value, attempt)
SELECT held.id, given.kind, given.name, given.value, given.attempt
FROM unnest(
    %(ids)s::bigint[], %(tokens)s::bigint[], %(kinds)s::text[], %(names)s::text[], %(values)s::text[],
    %(attempts)s::integer[]
) AS given (id, token, kind, name, value, attempt)
JOIN held ON held.id = given.id AND held.token = given.token
ON CONFLICT (task_id, kind, name) DO UPDATE SET value = excluded.value, attempt = excluded.attempt
