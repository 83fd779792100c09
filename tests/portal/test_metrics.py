"""What a monitoring system is told: who may collect it, that it is right, and that the alerts ask for what exists."""

import json
import os
import re
import subprocess
import sys
import time
from datetime import timedelta

import pgtrigger
import pytest
import redis
import yaml
from celery.schedules import crontab
from django.conf import settings as site
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from portal import gates, jobs, ledger, ledger_watch, monitoring, queues, schedule, tasks
from portal.gates import Function
from portal.models import JobRun, LedgerEntry
from tests.cast import NOW, client_of

TOKEN = "t" * 40
ALERTS = site.BASE_DIR / "docs" / "operating" / "alerts.yml"
OF_PROMETHEUS = {"up"}


@pytest.fixture
def collected(settings):
    """Collect: sample name → {labels: value}."""
    settings.METRICS_TOKEN = TOKEN

    def collect() -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200, answer.content
        found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in text_string_to_metric_families(answer.content.decode()):
            found.setdefault(family.name, {})
            for sample in family.samples:
                found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
        return found

    return collect


@pytest.fixture
def queue(settings):
    """Queue names of this test's own."""
    prefix = f"test-{time.monotonic_ns()}-"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {
        **settings.CELERY_BROKER_TRANSPORT_OPTIONS,
        "global_keyprefix": prefix,
    }
    line = redis.Redis.from_url(settings.REDIS_URL)
    yield line, prefix
    line.delete(*line.keys(f"{prefix}*") or ["nothing"])


# --- Who may collect ----------------------------------------------------------------------------------------------
def test_nobody_collects_before_a_token_is_set(cast):
    for client in (Client(), client_of(cast["hub.operator"])):
        assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"])
def test_without_the_token_nothing_is_told(db, settings, shown):
    settings.METRICS_TOKEN = TOKEN
    answer = Client().get("/metrics", headers={"Authorization": shown})
    assert answer.status_code == 401 and b"kirikae_" not in answer.content


def test_figures_are_collected_from_the_networks_named_alone(db, settings):
    settings.METRICS_TOKEN, settings.METRICS_NETWORKS = TOKEN, ["10.1.0.0/16", "fd00::/8"]
    for address, status in (("10.1.2.3", 200), ("fd00::9", 200), ("10.2.0.1", 404), ("", 404)):
        answer = Client(REMOTE_ADDR=address).get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == status, address


# --- Requests -----------------------------------------------------------------------------------------------------
def test_requests_are_counted_by_the_name_of_their_route(cast, collected):
    before = collected()
    client = client_of(cast["sora.relay"])
    client.get("/participants/?q=山田太郎")
    client.get("/people/yamada.taro/")
    Client().get("/0300111122223333444455/")
    Client().generic("PROPFIND", "/livez")
    after = collected()

    def more(**labels: str) -> float:
        key = tuple(sorted(labels.items()))
        return after["kirikae_requests_total"].get(key, 0) - before["kirikae_requests_total"].get(key, 0)

    assert more(route="portal:participants", method="GET", status="200") == 1
    assert more(route="portal:person", method="GET", status="404") == 1
    assert more(route="none", method="GET", status="404") == 1
    assert more(route="portal:livez", method="other", status="405") == 1
    told = json.dumps([[list(map(list, key)) for key in samples] for samples in after.values()], ensure_ascii=False)
    for secret in ("山田", "yamada", "03001111", "PROPFIND"):
        assert secret not in told
    seconds = after["kirikae_request_seconds_count"]
    assert seconds[("route", "portal:participants"),] > before["kirikae_request_seconds_count"].get(
        (("route", "portal:participants"),), 0
    )


COUNT = """
import sys
from django.core.wsgi import get_wsgi_application
get_wsgi_application()
from django.conf import settings
from django.test import RequestFactory
from django.http import HttpResponse
from portal import request_metrics
counted = request_metrics.Counted(lambda request: HttpResponse(status=int(sys.argv[1])))
for _ in range(int(sys.argv[2])):
    counted(RequestFactory().get("/"))
"""


@pytest.mark.slow
def test_several_web_processes_are_told_as_one(db, tmp_path, settings):
    """Each process counts in the common directory; whoever is asked tells the sum, also of those that are gone."""
    for status, times in (("200", 3), ("200", 4), ("503", 2)):
        environment = {**os.environ, "KIRIKAE_METRICS_DIR": str(tmp_path)}
        subprocess.run(
            [sys.executable, "-c", COUNT, status, str(times)], cwd=site.BASE_DIR, env=environment, check=True
        )
    settings.METRICS_DIR, settings.METRICS_TOKEN = str(tmp_path), TOKEN
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    assert 'kirikae_requests_total{method="GET",route="none",status="200"} 7.0' in answer
    assert 'kirikae_requests_total{method="GET",route="none",status="503"} 2.0' in answer
    assert "kirikae_ready" in answer


# --- Queues and periodic work -------------------------------------------------------------------------------------
def test_a_queue_tells_how_much_waits_and_since_when(db, collected, queue):
    line, prefix = queue
    message = {"body": "", "headers": {queues.QUEUED_AT: time.time() - 90}}
    newer = {"body": "", "headers": {queues.QUEUED_AT: time.time() - 5}}
    line.lpush(f"{prefix}usage", json.dumps(message), json.dumps(newer))
    line.lpush(f"{prefix}cases", b"{not json")
    line.hset(f"{prefix}unacked", "tag", "x")
    found = collected()
    assert found["kirikae_queue_messages"][("queue", "usage"),] == 2
    assert found["kirikae_queue_messages"][("queue", "outbox"),] == 0
    assert 89 < found["kirikae_queue_oldest_age_seconds"][("queue", "usage"),] < 120
    assert found["kirikae_queue_oldest_age_seconds"][("queue", "cases"),] == 0
    assert found["kirikae_queue_in_hand"][()] == 1


def test_a_message_carries_the_hour_at_which_it_was_queued(queue):
    """As Celery itself publishes it, into the broker, and read back from there."""
    line, prefix = queue
    app = tasks.send_outbox.app
    with app.connection_for_write(transport_options={"global_keyprefix": prefix}) as connected:
        app.send_task("portal.tasks.send_outbox", connection=connected)
    assert line.llen(f"{prefix}outbox") == 1
    waiting = {one.queue: one for one in queues.waiting()}
    assert waiting["outbox"].count == 1 and 0 <= waiting["outbox"].oldest < 60


def test_the_longest_pause_of_a_schedule():
    assert schedule.longest_pause(timedelta(seconds=15)) == 15
    assert schedule.longest_pause(crontab(hour="5", minute="0")) == 86400
    assert schedule.longest_pause(crontab(minute="*/10", hour="7-19")) == 11 * 3600 + 600
    assert schedule.longest_pause(crontab()) == 60


def test_the_schedule_knows_hours_of_the_day_alone():
    for task, when in schedule.tasks().items():
        if isinstance(when, crontab):
            assert len(when.day_of_week) == 7 and len(when.day_of_month) == 31, task


def test_work_that_goes_through_or_fails_is_written_down_once_a_minute(db, monkeypatch, collected):
    monkeypatch.setattr(schedule, "_noted", {})
    name = "portal.tasks.drop_old_events"
    schedule.note(name, went_well=True, now=NOW)
    schedule.note(name, went_well=True, now=NOW + timedelta(seconds=5))
    schedule.note("portal.tasks.unheard_of", went_well=True, now=NOW)
    assert [run.finished_at for run in JobRun.objects.filter(key=jobs.SUCCESS)] == [NOW]
    schedule.note(name, went_well=False, now=NOW + timedelta(seconds=10))
    schedule.note(name, went_well=True, now=NOW + timedelta(seconds=20))
    found = collected()
    label = (("task", name),)
    assert found["kirikae_task_last_success_timestamp_seconds"][label] == (NOW + timedelta(seconds=20)).timestamp()
    assert found["kirikae_task_last_failure_timestamp_seconds"][label] == (NOW + timedelta(seconds=10)).timestamp()
    assert found["kirikae_task_interval_seconds"][label] == 86400


def test_a_worker_writes_down_what_it_carried_out(db, monkeypatch):
    """By Celery's own signals, as its worker sends them."""
    monkeypatch.setattr(schedule, "_noted", {})
    monkeypatch.setattr(tasks.drop_old_events, "request_stack", tasks.drop_old_events.request_stack)
    tasks.drop_old_events.apply()
    assert jobs.noted("portal.tasks.drop_old_events", jobs.SUCCESS)
    monkeypatch.setattr("portal.events.drop_old", lambda **_: 1 / 0)
    tasks.drop_old_events.apply()
    assert jobs.noted("portal.tasks.drop_old_events", jobs.FAILURE)


# --- The ledger ---------------------------------------------------------------------------------------------------
def test_the_nightly_walk_tells_when_the_ledger_held_and_when_it_broke(cast, collected, time_machine):
    time_machine.move_to(NOW, tick=False)
    ledger_watch.verify(now=NOW - timedelta(days=1))  # what the cast left
    ledger.record("a deed", "a subject", by=None, now=NOW - timedelta(minutes=3))
    assert collected()["kirikae_ledger_unsealed_age_seconds"][()] >= 180
    ledger_watch.verify_nightly(now=NOW)
    found = collected()
    assert found["kirikae_ledger_unsealed_age_seconds"][()] == 0
    assert found["kirikae_ledger_verified_timestamp_seconds"][()] == NOW.timestamp()
    assert found["kirikae_ledger_verified_whole_timestamp_seconds"][()] == NOW.timestamp()
    assert found["kirikae_ledger_broken"][()] == 0 and found["kirikae_ledger_head"][()] >= 1
    entry = LedgerEntry.objects.filter(action="a deed").get()
    with pgtrigger.ignore("portal.LedgerEntry:append_only"):
        LedgerEntry.objects.filter(pk=entry.pk).update(subject="another")
    with pytest.raises(ledger_watch.Broken, match=str(entry.pk)):
        ledger_watch.verify_nightly(now=NOW + timedelta(days=1))
    found = collected()
    assert found["kirikae_ledger_broken"][()] == 1
    assert found["kirikae_ledger_verified_timestamp_seconds"][()] == NOW.timestamp()


# --- The rest -----------------------------------------------------------------------------------------------------
def test_what_is_shut_is_told(cast, collected, time_machine):
    time_machine.move_to(NOW, tick=False)
    gates.open_function(Function.RELAYS, opened_from=NOW + timedelta(days=1), by=None, now=NOW)
    found = collected()["kirikae_function_open"]
    assert found[("function", "relays"),] == 0 and found[("function", "usage"),] == 1


def test_what_cannot_be_counted_is_left_out_and_the_rest_is_told(db, collected, settings, caplog):
    settings.REDIS_URL = "redis://:hidden-word@127.0.0.1:1/0"
    found = collected()
    assert found["kirikae_uncounted"][()] == 1 and not found.get("kirikae_queue_messages")
    assert found["kirikae_ready"][("part", "broker"),] == 0 and found["kirikae_ready"][("part", "database"),] == 1
    assert "hidden-word" not in caplog.text


def test_figures_ask_a_fixed_number_of_questions(cast, points, django_assert_max_num_queries):
    with django_assert_max_num_queries(60):
        list(monitoring.figures(now=NOW))


def test_every_figure_an_alert_asks_for_is_told(cast, collected):
    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
    told = set(collected()) | OF_PROMETHEUS
    asked: set[str] = set()
    for rule in rules:
        names = set(re.findall(r"\bkirikae_\w+", rule["expr"])) | ({"up"} if "up{" in rule["expr"] else set())
        assert names and names <= told, (rule["alert"], names - told)
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"] and rule["annotations"]["do"]
        asked |= names
    assert len({rule["alert"] for rule in rules}) == len(rules)
    figures = {figure.name for figure in monitoring.figures(now=NOW)}
    assert figures - asked <= {"kirikae_events_unacknowledged", "kirikae_unsent", "kirikae_usage_files_waiting",
                               "kirikae_uploads_waiting"}  # fmt: skip


def test_labels_named_in_alerts_have_the_values_asked_for(cast, collected):
    found = collected()
    for name, label, value in re.findall(r"(kirikae_\w+)\{(\w+)=\"(\w+)\"", ALERTS.read_text(encoding="utf-8")):
        assert any((label, value) in key for key in found[name]), (name, label, value)


@override_settings(METRICS_TOKEN=TOKEN)
def test_a_collector_may_ask_for_open_metrics(db):
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/openmetrics-text; version=1.0.0"}
    answer = Client().get("/metrics", headers=headers)
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    assert answer.content.rstrip().endswith(b"# EOF")
