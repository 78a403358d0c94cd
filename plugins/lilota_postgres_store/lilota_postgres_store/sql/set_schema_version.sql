UPDATE {meta} SET value = %(version)s WHERE key = 'schema_version'
