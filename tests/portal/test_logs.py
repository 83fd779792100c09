"""The log: one JSON object per line with the number people quote, and nothing of what they entered."""

import io
import json
import logging
import logging.config
import sys

import pytest
from celery import shared_task
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from django.http import HttpRequest
from django.test import Client, override_settings
from django.urls import path

from config import logs, urls
from portal import outbox, scanning, tasks, tracing
from portal.access import public
from portal.models import Delivery, JobRun
from tests import calling
from tests.cast import NOW, client_of
from tests.logged import as_machines_read_it

NAME = "山田太郎"


@public
def breaks(request: HttpRequest):
    """As code does that meets what it was not written for: its message quotes what was entered."""
    try:
        int(request.POST["holder"])
    except ValueError as error:
        raise RuntimeError(f"no idea what {request.POST['holder']} means") from error


@public
def hits_a_constraint(request: HttpRequest):
    for _time in range(2):
        JobRun.objects.create(job="a job", key=request.POST["holder"], started_at=NOW)


urlpatterns = [
    path("breaks/", breaks, name="breaks"),
    path("hits/", hits_a_constraint, name="hits"),
    *urls.urlpatterns,
]
handler500 = urls.handler500


def posting(address: str) -> Client:
    client = Client(raise_request_exception=False)
    assert client.post(address, {"holder": NAME}).status_code == 500
    return client


# --- The line of a request ----------------------------------------------------------------------------------------
def test_a_request_leaves_one_line_with_its_number_route_person_and_company(cast):
    client = client_of(cast["sora.relay"])
    with as_machines_read_it() as log:
        answer = client.get("/participants/?q=secret-word")
    [line] = log.of("portal.tracing")
    assert line["trace_id"] == answer["Trace-Id"]
    assert (line["event"], line["method"], line["route"], line["status"]) == (
        *("request", "GET", "portal:participants", 200),
    )
    assert (line["user"], line["company"]) == (cast["sora.relay"].pk, cast.sora.pk)
    assert line["level"] == "info" and line["timestamp"].endswith("Z") and line["ms"] >= 0
    assert "secret-word" not in log.text and "sora.relay" not in log.text and cast["sora.relay"].name not in log.text


def test_who_is_not_known_is_not_on_the_line(db):
    with as_machines_read_it() as log:
        Client().get("/sign-in/")
    [line] = log.of("portal.tracing")
    assert "user" not in line and "company" not in line


def test_an_address_that_leads_nowhere_is_not_quoted(db):
    with as_machines_read_it() as log:
        assert Client().get("/0300111122223333444455/").status_code == 404
        assert Client().get("/people/yamada.taro/").status_code == 302
        assert Client(headers={"Host": "ev il"}).get("/").status_code == 400
    assert "0300111122223333444455" not in log.text and "yamada" not in log.text
    assert [line["route"] for line in log.of("portal.tracing")] == ["none", "portal:person", "none"]


def test_probes_leave_no_line(db):
    with as_machines_read_it() as log:
        Client().get("/livez")
        Client().get("/readyz")
    assert log == []


def test_the_number_of_a_page_that_is_not_there_is_the_one_in_the_log(sora_relay):
    with as_machines_read_it() as log:
        answer = client_of(sora_relay).get("/no-such-page/")
    [line] = log.of("portal.tracing")
    assert line["trace_id"] in answer.content.decode() and line["trace_id"] == answer["Trace-Id"]


def test_the_number_in_a_problem_of_the_api_is_the_one_in_the_log(cast):
    api = calling.caller(cast, "sora", "relay")
    with as_machines_read_it() as log:
        said = calling.refused(api.get("/relays/R0000000000"), 404, "api.not_found")
        elsewhere = api.get("/no-such-thing").json()
    first, second = log.of("portal.tracing")
    assert first["trace_id"] == said["trace_id"] and first["code"] == "api.not_found"
    assert first["client"] == api.client.client_id and first["company"] == cast.sora.pk
    assert second["trace_id"] == elsewhere["trace_id"] and second["code"] == "api.not_found"


def test_one_request_does_not_carry_the_others_person(cast):
    with as_machines_read_it() as log:
        client_of(cast["sora.relay"]).get("/participants/")
        Client().get("/sign-in/")
    assert "user" in log.of("portal.tracing")[0] and "user" not in log.of("portal.tracing")[1]


# --- Exceptions ---------------------------------------------------------------------------------------------------
@override_settings(ROOT_URLCONF=__name__)
def test_an_exception_tells_its_kind_and_place_and_nothing_that_was_entered(db):
    with as_machines_read_it() as log:
        posting("/breaks/")
    [line] = log.of("portal.views.errors")
    outer, inner = line["exception"]
    assert (outer["type"], inner["type"]) == ("RuntimeError", "ValueError")
    assert any(place.startswith("tests/portal/test_logs.py:") and place.endswith(" breaks") for place in outer["at"])
    assert NAME not in log.text and line["trace_id"] in line["event"]


@override_settings(ROOT_URLCONF=__name__)
def test_a_refusal_of_the_database_names_its_constraint_and_not_the_row(db):
    with as_machines_read_it() as log:
        posting("/hits/")
    told = [one for one in log.of("portal.views.errors")[0]["exception"] if "sqlstate" in one]
    assert told[0]["constraint_name"] == "a_dated_job_is_claimed_once" and told[0]["table_name"] == "portal_jobrun"
    assert NAME not in log.text


def test_places_do_not_say_where_the_hub_is_installed():
    error = None
    try:
        json.loads("{")
    except ValueError as raised:
        error = raised
    event = logs.place_of_exception(None, "", {"exc_info": (type(error), error, error.__traceback__)})
    assert str(logs.ROOT) not in json.dumps(event) and sys.prefix not in json.dumps(event)


# --- Mail, files, tasks -------------------------------------------------------------------------------------------
def test_a_mail_that_fails_leaves_no_address_in_the_log(cast, monkeypatch):
    outbox.post(outbox.Post(cast.umi.pk, "company_begins", "umi", context={"instead_of": "2026-04-01"}), now=NOW)

    def refuses(self, fail_silently=False):
        raise OSError(f"550 no such mailbox {self.to[0]}")

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuses)
    with as_machines_read_it() as log:
        outbox.send_due(now=NOW)
    assert "failed: OSError" in log.text and "@" not in log.text
    assert Delivery.objects.filter(last_error__contains="550").exists(), "the operator still reads it in the workbench"


def refusing(file):
    raise scanning.Infected("Eicar-Test-Signature")


def test_a_file_that_is_refused_is_not_named_in_the_log(settings):
    settings.UPLOAD_SCANNER = f"{__name__}.refusing"
    with as_machines_read_it() as log, pytest.raises(scanning.Infected):
        scanning.scan(SimpleUploadedFile("x.pdf", b"x"), name=f"{NAME}様 申込書.pdf")
    assert "Eicar-Test-Signature in a file .pdf" in log.text and NAME not in log.text


@shared_task
def stumbles(holder: str) -> None:
    logging.getLogger("portal.tasks").warning("halfway")
    raise IntegrityError(f"DETAIL: Key (holder)=({holder}) already exists.")


def test_a_task_that_fails_is_named_with_its_request_and_without_what_it_was_given():
    assert tasks.send_outbox.name  # loaded, as in every worker
    with as_machines_read_it() as log:
        stumbles.apply(kwargs={"holder": NAME}, headers={tracing.ON_MESSAGE: "ABCD-EFGH"})
    [halfway] = log.of("portal.tasks")
    assert halfway["task"].endswith("stumbles") and halfway["trace_id"] == "ABCD-EFGH" and halfway["task_id"]
    [failed] = log.of("celery.app.trace")
    assert "IntegrityError" in failed["event"] and failed["exception"][0]["type"] == "IntegrityError"
    assert NAME not in log.text


def test_a_message_says_which_request_it_comes_from():
    headers: dict[str, str] = {}
    tracing.stamp(headers)
    assert headers == {}
    with tracing.structlog.contextvars.bound_contextvars(trace_id="ABCD-EFGH"):
        tracing.stamp(headers)
    assert headers == {tracing.ON_MESSAGE: "ABCD-EFGH"}


# --- Settings -----------------------------------------------------------------------------------------------------
def test_every_line_of_production_is_json(monkeypatch):
    """The whole configuration as production has it, in front of loggers of packages too."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logging.config.dictConfig(logs.settings(as_json=True, level="INFO"))
        logging.getLogger("some.package").warning("of %s things", 3)
        logging.getLogger("django.request").error("Not Found: %s", "/0300111122223333444455/")
        logging.getLogger("celery.worker").info("ready.")
        tracing.log.info("request", route="x")
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["of 3 things", "ready.", "request"]
    assert all({"timestamp", "level", "logger"} <= set(line) for line in lines)


def test_on_ones_own_machine_lines_are_for_reading():
    record = logging.LogRecord("portal.tasks", logging.WARNING, __file__, 1, "mail for notice %s failed", (7,), None)
    line = logs.for_people().format(record)
    assert "mail for notice 7 failed" in line and "warning" in line and "portal.tasks" in line
    assert "\x1b" not in line and not line.startswith("{")
    try:
        raise RuntimeError("broken on purpose")
    except RuntimeError:
        record.exc_info = sys.exc_info()
    assert "broken on purpose" in logs.for_people().format(record), "one's own machine shows what happened"
