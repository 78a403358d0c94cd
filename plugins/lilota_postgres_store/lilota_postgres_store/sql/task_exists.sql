SELECT 1 FROM {tasks} WHERE id = %(id)s::bigint
UNION ALL
SELECT 1 FROM (
    SELECT first_id, size FROM {bundles} WHERE first_id <= %(id)s::bigint ORDER BY first_id DESC LIMIT 1
) AS bundle
WHERE first_id + size > %(id)s::bigint
