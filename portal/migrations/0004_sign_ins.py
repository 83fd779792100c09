import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0003_four_eyes_and_letters"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="left_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="left at"),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("left_at__isnull", True), ("is_active", False), _connector="OR"),
                name="who_has_left_is_not_active",
            ),
        ),
        migrations.CreateModel(
            name="SignIn",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("session_key", models.CharField(max_length=40, unique=True, verbose_name="session key")),
                ("began_at", models.DateTimeField(verbose_name="signed in at")),
                ("seen_at", models.DateTimeField(db_index=True, verbose_name="last seen at")),
                ("address", models.CharField(blank=True, max_length=45, verbose_name="network address")),
                ("browser", models.CharField(blank=True, max_length=200, verbose_name="browser")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sign_ins",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "sign-in",
                "verbose_name_plural": "sign-ins",
                "ordering": ["-seen_at", "-id"],
            },
        ),
    ]
