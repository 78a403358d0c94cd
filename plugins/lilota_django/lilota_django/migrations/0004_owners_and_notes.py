"""Owners, checkpoints, and what attempts note. Rows of before have none of it.

A worker that is not restarted yet leaves it alone: it runs a task from the start in spite of a checkpoint, and its
`prune` leaves notes behind that nobody sees any more, since no id is used again.
"""

import django.db.models.deletion
from django.db import migrations, models

import lilota_django.fields
import lilota_django.indexes


class Migration(migrations.Migration):
    """Columns that may be empty, an index of those that are not, and a table."""

    dependencies = (("lilota", "0003_about_runners"),)

    operations = (
        migrations.AddField("task", "owner", lilota_django.fields.AnyTextField(null=True)),
        migrations.AddField("task", "owner_key", models.CharField(max_length=64, null=True)),
        migrations.AddField("task", "progress_note_json", models.TextField(null=True)),
        migrations.AddField("task", "checkpoint_json", models.TextField(null=True)),
        migrations.AddIndex(
            "task", lilota_django.indexes.IndexOfPresent(fields=["owner_key", "id"], name="lilota_task_owned")
        ),
        migrations.CreateModel(
            "Note",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "task",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="notes",
                        to="lilota.task",
                    ),
                ),
                ("kind", lilota_django.fields.ExactCharField(max_length=30)),
                ("name", lilota_django.fields.ExactCharField(max_length=200)),
                ("value_json", models.TextField()),
                ("attempt", models.IntegerField()),
            ],
            {"constraints": [models.UniqueConstraint(fields=("task", "kind", "name"), name="lilota_note_name")]},
        ),
    )
