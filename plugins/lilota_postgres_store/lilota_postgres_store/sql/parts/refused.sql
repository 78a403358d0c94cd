-- What was not `written` of a batch.
SELECT given.id, given.token FROM unnest(%(ids)s::bigint[], %(tokens)s::bigint[]) AS given (id, token)
WHERE (SELECT count(*) FROM written) < cardinality(%(ids)s::bigint[])
    AND NOT EXISTS (SELECT FROM written WHERE written.id = given.id AND written.token = given.token)
