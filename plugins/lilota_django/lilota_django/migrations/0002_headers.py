"""What travels with a task. Rows of before have none; a worker that is not restarted yet leaves the column alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column that may be empty: no database rewrites the table for it."""

    dependencies = (("lilota", "0001_tasks"),)

    operations = (migrations.AddField("task", "headers_json", models.TextField(null=True)),)
