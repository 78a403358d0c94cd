# ruff: noqa: D100, D101, RUF012 - as Django generates it

import django.db.models.deletion
from django.db import migrations, models

import lilota_django.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Lane",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=64)),
                ("queue", lilota_django.fields.AnyTextField()),
                ("name", lilota_django.fields.AnyTextField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("key",), name="lilota_lane_key")],
            },
        ),
        migrations.CreateModel(
            name="LaneCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.SmallIntegerField(
                        choices=[
                            (0, "waiting"),
                            (1, "scheduled"),
                            (2, "pending"),
                            (3, "running"),
                            (4, "succeeded"),
                            (5, "failed"),
                            (6, "cancelled"),
                        ]
                    ),
                ),
                ("n", models.BigIntegerField()),
                ("is_news", models.BooleanField()),
                (
                    "lane",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="lilota.lane",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Runner",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("runner", lilota_django.fields.AnyCharField(max_length=255)),
                ("host", lilota_django.fields.AnyTextField()),
                ("pid", models.BigIntegerField()),
                ("lease_seconds", models.FloatField()),
                ("started_at", lilota_django.fields.InstantField()),
                ("heartbeat_at", lilota_django.fields.InstantField()),
                ("expires_at", lilota_django.fields.InstantField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("runner",), name="lilota_runner_runner")],
            },
        ),
        migrations.CreateModel(
            name="Task",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "state",
                    models.SmallIntegerField(
                        choices=[
                            (0, "waiting"),
                            (1, "scheduled"),
                            (2, "pending"),
                            (3, "running"),
                            (4, "succeeded"),
                            (5, "failed"),
                            (6, "cancelled"),
                        ]
                    ),
                ),
                ("priority", models.IntegerField()),
                ("run_at", lilota_django.fields.InstantField()),
                ("created_at", lilota_django.fields.InstantField()),
                ("started_at", lilota_django.fields.InstantField(null=True)),
                ("finished_at", lilota_django.fields.InstantField(null=True)),
                ("attempt", models.IntegerField(default=0)),
                ("token", models.BigIntegerField(default=0)),
                ("lost_attempts", models.IntegerField(default=0)),
                ("max_lost_attempts", models.IntegerField()),
                ("pid", models.BigIntegerField(default=0)),
                ("progress", models.FloatField(default=0.0)),
                ("cancel_requested", models.BooleanField(default=False)),
                ("log_count", models.IntegerField(default=0)),
                ("runner", lilota_django.fields.AnyCharField(max_length=255, null=True)),
                ("description", lilota_django.fields.AnyTextField()),
                ("input_json", models.TextField()),
                ("output_json", models.TextField(null=True)),
                ("error_json", models.TextField(null=True)),
                (
                    "lane",
                    models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to="lilota.lane"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="LogLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("n", models.IntegerField()),
                ("at", models.FloatField()),
                ("level", models.IntegerField()),
                ("attempt", models.IntegerField()),
                ("source", lilota_django.fields.AnyTextField()),
                ("logger", lilota_django.fields.AnyTextField()),
                ("text", lilota_django.fields.AnyTextField()),
                (
                    "task",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="log_lines",
                        to="lilota.task",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Turn",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=64)),
                ("chore", lilota_django.fields.AnyTextField()),
                ("taken_at", lilota_django.fields.InstantField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("key",), name="lilota_turn_key")],
            },
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["lane", "state", "-priority", "run_at", "id"], name="lilota_task_next"),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["state", "run_at"], name="lilota_task_due"),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["lane", "state", "id"], name="lilota_task_page"),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["state", "finished_at"], name="lilota_task_ended"),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["runner", "state", "cancel_requested"], name="lilota_task_held"),
        ),
        migrations.AddConstraint(
            model_name="logline",
            constraint=models.UniqueConstraint(fields=("task", "n"), name="lilota_logline_n"),
        ),
    ]
