-- Waits for a claim of this runner that is on its way, so that what it grants is given back too.
DELETE FROM {runners} WHERE id = %(runner)s
