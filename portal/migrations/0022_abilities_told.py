"""The choices of an ability are asked of the code that knows them, so that a new one asks for no migration."""

from django.db import migrations, models

import portal.access


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0021_qualifications"),
    ]

    operations = [
        migrations.AlterField(
            model_name=model,
            name="ability",
            field=models.CharField(
                blank=True, choices=portal.access.abilities, max_length=40, verbose_name="for people who may"
            ),
        )
        for model in ("event", "notice")
    ]
