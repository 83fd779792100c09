"""A list costs as many queries with three rows as with one, as page and as file, and with ten thousand; so do cases."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from metering.models import Contract, Meter, SupplyPeriod, SupplyPoint, UsageDay
from portal import documents, people, tickets
from portal.models import Document, LedgerEntry, Notice, Ticket, User
from switching import applications, evidence, threads
from switching.models import Application, Relay
from switching.threads import Topic
from tests.addresses import OWN, ROWS, address, opened, whoever_may
from tests.cast import NOW, ROLES, Cast, client_of
from tests.every_page import draws_a_list
from tests.metering.delivering import DAY, block_of, csv_of, deliver
from tests.portal import desk
from tests.switching.cases import CONTRACT

LISTS = [name for name in OWN if name in ROWS and ROWS[name].one_more]


def cost(client: Client, url: str, *, as_file: bool) -> tuple[list[str], int]:
    """The queries of one opening, and how many characters came."""
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(url, {"format": "csv"} if as_file else {})
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert answer.status_code == 200, url
    return [one["sql"] for one in queries], len(body)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_with_one_row_and_with_three(cast, time_machine, name):
    time_machine.move_to(NOW, tick=False)
    row, url, client = ROWS[name], address(name, cast), whoever_may(name, cast)
    row.one_more(cast)
    answer = opened(client, name, url)  # whatever is remembered from the first opening is remembered now
    ways = (False, True) if draws_a_list(answer) else (False,)
    at_one = [cost(client, url, as_file=way) for way in ways]
    row.one_more(cast)
    row.one_more(cast)
    for (before, short), way in zip(at_one, ways, strict=True):
        after, long = cost(client, url, as_file=way)
        assert long > short, "three rows show no more than one: the comparison would prove nothing"
        assert len(after) == len(before), "\n".join(sorted(set(after) - set(before)) or after)


POINT, NUMBER = (
    "left(t.number, 3) || '7' || lpad(n::text, 18, '0')",
    "left(t.number, 1) || '7' || lpad(n::text, 9, '0')",
)
OWN_POINT = "(SELECT max(id) - 10000 FROM metering_supplypoint) + n"
LONG: dict[str, list[tuple[type[Model], dict[str, str]]]] = {
    "metering:points": [
        (SupplyPoint, {"number": POINT}),
        (Contract, {"point_id": OWN_POINT}),
        (SupplyPeriod, {"point_id": OWN_POINT, "contract_id": "(SELECT max(id) - 10000 FROM metering_contract) + n"}),
    ],
    "switching:relays": [(SupplyPoint, {"number": POINT}), (Relay, {"number": NUMBER, "point_id": OWN_POINT})],
    "switching:applications": [
        (SupplyPoint, {"number": POINT}),
        (Application, {"number": NUMBER, "point_id": OWN_POINT}),
    ],
    "portal:notices": [(Notice, {"number": "t.number + n"})],
    "portal:ledger": [(LedgerEntry, {"subject": "'case ' || n"})],
}
"""Lists that grow to thousands, with what makes a copy of the last row another one."""


@pytest.mark.parametrize("name", LONG)
def test_a_page_of_a_list_costs_the_same_with_ten_thousand_rows(cast, time_machine, name):
    time_machine.move_to(NOW, tick=False)
    url, client = address(name, cast), whoever_may(name, cast)
    for _ in range(3):
        ROWS[name].one_more(cast)
    opened(client, name, url)
    before, short = cost(client, url, as_file=False)
    for model, changes in LONG[name]:
        multiply(model, changes)
    after, long = cost(client, url, as_file=False)
    assert "10,0" in client.get(url).content.decode(), "the page does not count the rows"
    assert long > short, "a full page shows no more than three rows: the comparison would prove nothing"
    assert len(after) == len(before), "\n".join(sorted(set(after) - set(before)) or after)


def multiply(model: type[Model], changes: dict[str, str], count: int = 10_000) -> None:
    """Copies of the table's last row, each with another key and the changes, which are SQL of `t` and `n`."""
    table = model._meta.db_table
    given = ", ".join(f"'{column}', {value}" for column, value in changes.items())
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {table} SELECT made.* FROM generate_series(1, {count}) AS n
                CROSS JOIN (SELECT whole, whole.* FROM {table} AS whole ORDER BY id DESC LIMIT 1) AS t
                CROSS JOIN LATERAL jsonb_build_object('id', t.id + n, {given}) AS changes
                CROSS JOIN LATERAL jsonb_populate_record(t.whole, changes) AS made"""
        )
        cursor.execute(f"ANALYZE {table}")


def relay_goes_on(cast: Cast, number: str) -> None:
    """A question and an answer, and a file of evidence."""
    relay = Relay.objects.get(number=number)
    for who, topic in (("umi", Topic.ASK_NAME), ("sora", Topic.CONFIRMED)):
        threads.say(relay_id=relay.pk, topic=topic, by=cast[f"{who}.relay"], now=NOW)
    file = SimpleUploadedFile("consent.pdf", b"%PDF-1.7" + bytes([relay.messages.count()]))
    evidence.attach(
        case=relay,
        kind="consent",
        channel="telephone",
        obtained_on=NOW.date(),
        file=file,
        by=cast["sora.relay"],
        now=NOW,
    )


def application_goes_on(cast: Cast, number: str) -> None:
    """A correction."""
    found = Application.objects.get(number=number)
    day = found.desired_date + timedelta(days=1)
    by, given = cast["sora.application"], CONTRACT
    applications.correct(application_id=found.pk, desired_date=day, given=given, reason="typed wrongly", by=by, now=NOW)


def ticket_goes_on(cast: Cast, number: str) -> None:
    """A message with a file from either side."""
    found = Ticket.objects.numbered(number).get()
    for who in ("hub.helpdesk", "sora.viewer"):
        tickets.write(found.pk, body="x", files=[desk.pdf()], by=cast[who], now=NOW)


def document_goes_on(cast: Cast, pk: int) -> None:
    """A further version."""
    found = Document.objects.get(pk=pk)
    count = found.versions.count()
    file, day = desk.pdf(content=desk.PDF + bytes([count])), NOW.date()
    documents.add_version(
        found.pk, number=f"{count + 1}.0", published_on=day, file=file, by=cast["hub.operator"], now=NOW
    )


def point_goes_on(cast: Cast, number: str) -> None:
    """A further day of half-hours and a further meter."""
    point = SupplyPoint.objects.get(number=number)
    so_far = UsageDay.objects.count()
    deliver(cast, csv_of(block_of([point], DAY - timedelta(days=so_far))))
    Meter.objects.create(point=point, number=f"M{so_far}", installed_on=NOW.date())


def person_goes_on(cast: Cast, username: str) -> None:
    """Signed in once more, with one more role."""
    user = User.objects.get(username=username)
    client_of(user)
    people.set_roles(user, roles=ROLES["sora"][: 1 + user.sign_ins.count()], by=None, now=NOW)


CASES: dict[str, Callable[..., None]] = {
    "switching:relay": relay_goes_on,
    "switching:relay-messages": relay_goes_on,
    "switching:judgement": relay_goes_on,
    "switching:application": application_goes_on,
    "portal:ticket": ticket_goes_on,
    "portal:document": document_goes_on,
    "portal:person": person_goes_on,
    "metering:point": point_goes_on,
}


@pytest.mark.parametrize("name", CASES)
def test_a_case_costs_the_same_however_much_happened_to_it(cast, time_machine, settings, tmp_path, name):
    settings.MEDIA_ROOT = tmp_path
    time_machine.move_to(NOW, tick=False)
    given = ROWS[name].kwargs(cast)
    url, client = reverse(name, kwargs=given), whoever_may(name, cast)
    CASES[name](cast, **given)
    client.get(url)
    before, short = cost(client, url, as_file=False)
    for _ in range(2):
        CASES[name](cast, **given)
    after, long = cost(client, url, as_file=False)
    assert long > short, "what happened is not told: the comparison would prove nothing"
    assert len(after) == len(before), "\n".join(sorted(set(after) - set(before)) or after)
