"""What a runner tells people of itself; a worker that is not restarted yet leaves the column alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column that may be empty: no database rewrites the table for it."""

    dependencies = (("lilota", "0002_headers"),)

    operations = (migrations.AddField("runner", "about_json", models.TextField(null=True)),)
