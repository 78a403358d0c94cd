"""An index that leaves out rows for which it has nothing to say, where the database can do that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.backends.ddl_references import Statement


class IndexOfPresent(models.Index):
    """An index of the rows whose first column has a value: the others cost nothing to write.

    MariaDB and MySQL have a plain index instead. `condition=` would have Django warn of that at each `migrate`.
    """

    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **options: object
    ) -> Statement:
        if not schema_editor.connection.features.supports_partial_indexes:
            return super().create_sql(model, schema_editor, using, **options)
        present = models.Q((f"{self.fields[0]}__isnull", False))
        partial = models.Index(fields=self.fields, name=self.name, condition=present)
        return partial.create_sql(model, schema_editor, using, **options)
