-- Note which attempts `take_back` took from runners that died. It runs in the same transaction, which has them locked.
INSERT INTO {notes} (task_id, kind, name, value, attempt)
SELECT * FROM unnest(
    %(ids)s::bigint[], %(kinds)s::text[], %(names)s::text[], %(values)s::text[], %(attempts)s::integer[]
)
ON CONFLICT (task_id, kind, name) DO UPDATE SET value = excluded.value, attempt = excluded.attempt
