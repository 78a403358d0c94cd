-- Create the lanes that do not exist yet, in one order for all, so that nobody waits in a circle.
INSERT INTO {lanes} (id, queue, name)
SELECT id, queue, name
FROM unnest(%(ids)s::bigint[], %(queues)s::text[], %(names)s::text[]) AS given (id, queue, name)
WHERE NOT EXISTS (SELECT FROM {lanes} AS known WHERE known.id = given.id)
ORDER BY id
ON CONFLICT (id) DO NOTHING
