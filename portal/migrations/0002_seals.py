import django.contrib.postgres.fields.ranges
import django.contrib.postgres.functions
import django.contrib.postgres.indexes
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

NEVER_EMPTIED = "\n        IF current_database() LIKE 'test\\_%' AND current_setting('kirikae.keep', true) IS DISTINCT FROM 'on' THEN\n            RETURN NULL;\n        END IF;\n        RAISE EXCEPTION 'Evidence is kept: % cannot be emptied', TG_TABLE_NAME;\n    "


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_companies_people_evidence")]

    operations = [
        migrations.CreateModel(
            name="UnsealedEntry",
            fields=[("entry_id", models.BigIntegerField(primary_key=True, serialize=False))],
            options={
                "verbose_name": "entry without a seal",
                "verbose_name_plural": "entries without a seal",
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="number")),
                ("sealed_at", models.DateTimeField(verbose_name="sealed at")),
                ("count", models.PositiveIntegerField(verbose_name="entries")),
                (
                    "ids",
                    django.contrib.postgres.fields.ranges.BigIntegerRangeField(verbose_name="lowest and highest entry"),
                ),
                ("links", models.BinaryField(verbose_name="links")),
                ("previous", models.CharField(max_length=64, verbose_name="hash of the seal before")),
                ("hash", models.CharField(max_length=64, verbose_name="hash")),
                ("public_key", models.CharField(max_length=64, verbose_name="public key")),
                ("signature", models.CharField(max_length=128, verbose_name="signature")),
            ],
            options={
                "verbose_name": "seal",
                "verbose_name_plural": "seals",
                "ordering": ["-number"],
            },
        ),
        migrations.AddIndex(
            model_name="seal",
            index=django.contrib.postgres.indexes.GistIndex(fields=["ids"], name="seals_by_entry"),
        ),
        migrations.AddField(
            model_name="ledgerentry",
            name="salt",
            field=models.UUIDField(
                db_default=django.contrib.postgres.functions.RandomUUID(), editable=False, verbose_name="salt"
            ),
        ),
        migrations.RunSQL(
            "INSERT INTO portal_unsealedentry (entry_id) SELECT id FROM portal_ledgerentry",
            "DELETE FROM portal_unsealedentry",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="never_emptied",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func=NEVER_EMPTIED,
                    hash="48fa2d9fc6eecf7bdab07f0659411615d57aff3a",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_emptied_019a5",
                    table="portal_ledgerentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="wait_for_a_seal",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="INSERT INTO portal_unsealedentry (entry_id) SELECT id FROM fresh; RETURN NULL;",
                    hash="325e25df377b34d4b3e94225b52d1925301c129a",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_wait_for_a_seal_60771",
                    referencing="REFERENCING NEW TABLE AS fresh ",
                    table="portal_ledgerentry",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="seal",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="ea6c7a0fe97e674dda68e258d7a87853d86a0bdb",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_c2fa1",
                    table="portal_seal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="seal",
            trigger=pgtrigger.compiler.Trigger(
                name="never_emptied",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func=NEVER_EMPTIED,
                    hash="adddce892be81c62aa2394f5face5f9092d4e3ea",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_emptied_b0819",
                    table="portal_seal",
                    when="BEFORE",
                ),
            ),
        ),
    ]
