"""A thousand bounds of supply point numbers in the statistics: a publication takes a retailer's rows in ranges of them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("metering", "0017_fixed_usage_is_counted_and_follows")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE metering_supplypoint ALTER COLUMN number SET STATISTICS 1000",
            "ALTER TABLE metering_supplypoint ALTER COLUMN number SET STATISTICS -1",
        ),
    ]
