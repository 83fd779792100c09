"""The ledger to search: everything for auditors, the own people's entries for an administrator."""

import csv
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal import ledger
from portal.models import LedgerEntry
from tests.cast import NOW, client_of


@pytest.fixture
def entries(cast):
    for key in ("sora", "umi"):
        ledger.record("thing read", f"thing of {key}", by=cast[f"{key}.viewer"], now=NOW, purpose="test", word="言葉")
    ledger.record("night work", "thing of nobody", by=None, now=NOW - timedelta(days=3))


def rows_of(client, **query):
    answer = client.get("/ledger/", {"format": "csv", **query})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return [row["対象"] for row in csv.DictReader(text.splitlines())]


def test_the_auditor_finds_everything(cast, entries):
    client = client_of(cast["hub.auditor"])
    assert rows_of(client, subject="thing of") == ["thing of nobody", "thing of umi", "thing of sora"]
    assert rows_of(client, subject="thing", company=cast.sora.pk) == ["thing of sora"]
    assert rows_of(client, user="umi.v", action="thing") == ["thing of umi"]
    assert rows_of(client, action="work") == ["thing of nobody"]
    assert rows_of(client, subject="thing of", done_from="2026-04-01") == ["thing of umi", "thing of sora"]
    assert rows_of(client, subject="thing of", done_until="2026-03-31") == ["thing of nobody"]
    page = client.get("/ledger/", {"subject": "thing of sora"}).content.decode()
    assert "言葉" in page and "sora.viewer" in page


def test_an_administrator_finds_the_own_people_only(cast, entries):
    client = client_of(cast["sora.administrator"])
    assert rows_of(client, subject="thing of") == ["thing of sora"]
    page = client.get("/ledger/").content.decode()
    assert "thing of sora" in page and "thing of umi" not in page and "海エナジー" not in page
    assert client.get("/ledger/", {"company": cast.umi.pk}).status_code == 200
    assert "thing of" not in client.get("/ledger/", {"company": cast.umi.pk}).content.decode()


@pytest.mark.parametrize("who", ["sora.viewer", "hub.operator", "hub.helpdesk", "kaze.usage"])
def test_nobody_else_opens_the_ledger(cast, who):
    assert client_of(cast[who]).get("/ledger/").status_code == 404


def test_every_search_is_an_entry_itself(cast, entries):
    client = client_of(cast["hub.auditor"])
    client.get("/ledger/")
    assert not LedgerEntry.objects.filter(action="ledger searched").exists()
    client.get("/ledger/", {"subject": "x" * 500})
    entry = LedgerEntry.objects.get(action="ledger searched")
    assert entry.user == cast["hub.auditor"] and entry.detail == {"asked": {"subject": "x" * 200}}


@pytest.mark.parametrize(
    "query", [{"done_from": "yesterday"}, {"company": "x"}, {"subject": "\x00"}, {"sort": "nothing"}, {"page": "-1"}]
)
def test_odd_searches_are_answered_calmly(cast, query):
    assert client_of(cast["hub.auditor"]).get("/ledger/", query).status_code == 200


def test_the_ledger_costs_the_same_queries_whatever_its_length(cast):
    client, costs = client_of(cast["hub.auditor"]), []
    client.get("/ledger/")
    for keys in (["sora"], ["umi", "yama"]):
        for key in keys:
            ledger.record("thing read", f"thing of {key}", by=cast[f"{key}.viewer"], now=NOW)
        with CaptureQueriesContext(connection) as queries:
            client.get("/ledger/", {"action": "thing"})
        costs.append(len(queries))
    assert costs[0] == costs[1]
