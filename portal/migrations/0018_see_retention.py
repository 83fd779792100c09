from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0017_days_worked_after_all"),
    ]

    operations = [
        migrations.AlterField(
            model_name="notice",
            name="ability",
            field=models.CharField(
                blank=True,
                choices=[
                    ("enter", "enter the portal"),
                    ("see_participants", "read the participant registry"),
                    ("see_points", "see the own company's supply points"),
                    ("see_history", "look at a supply point or case as of a day"),
                    ("inquire", "make a facility inquiry"),
                    ("disclose", "record a disclosure of disadvantages"),
                    ("see_relays", "see cancellation relays"),
                    ("register_relay", "register and withdraw a cancellation relay"),
                    ("judge_relay", "judge a cancellation relay"),
                    ("work_escalations", "work on escalated cases"),
                    ("lay_down_rules", "lay down the own company's rules for cancellation relays"),
                    ("see_applications", "see applications"),
                    ("file_application", "file and cancel an application"),
                    ("answer_application", "accept or reject applications on the own network"),
                    ("see_queue", "see what of the own company waits over the quota"),
                    ("send_many", "send files of many cases"),
                    ("complete_application", "report an application's paperwork completed"),
                    ("see_undoing", "see how switches are undone"),
                    ("undo", "ask for and answer the undoing of a switch"),
                    ("stop_switch", "stop a matched switch and take points into last-resort supply"),
                    ("decide_undoing", "decide on the undoing of a switch and on market exits"),
                    ("send_usage", "send usage files"),
                    ("collect_usage", "collect published usage files"),
                    ("see_completeness", "see how complete usage is and where it has gaps"),
                    ("see_retention", "see what of usage is no longer kept"),
                    ("handle_gaps", "follow up gaps in usage"),
                    ("manage_people", "look after the own company's accounts"),
                    ("publish", "publish documents and announcements"),
                    ("answer_tickets", "answer questions to the helpdesk"),
                    ("see_evidence", "see how the ledger stands and export proof packs"),
                    ("see_alarms", "see alarms about inquiries"),
                    ("read_ledger", "search the ledger"),
                    ("read_access_log", "read who looked at a customer's supply point"),
                    ("request_certificate", "ask for a client certificate"),
                    ("manage_certificates", "decide on the own company's client certificates"),
                    ("administer", "work in the operator's admin"),
                ],
                max_length=40,
                verbose_name="for people who may",
            ),
        ),
    ]
