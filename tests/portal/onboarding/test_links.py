"""The mailed link with which an application for use begins."""

from datetime import datetime, timedelta

import pytest
from django.core import mail

from portal import letters, onboarding
from portal.models import Letter, UseApplication
from portal.models.onboarding import UseKind
from tests.cast import NOW

pytestmark = pytest.mark.django_db


def test_the_link_goes_to_the_address_and_nothing_else_is_stored(client):
    answer = client.post("/use-applications/", {"kind": "production", "address": "hanako@hoshi.example"})
    assert answer.status_code == 302 and not UseApplication.objects.exists()
    letters.send_due(now=NOW + timedelta(days=9999))
    [message] = mail.outbox
    link = next(line for line in message.body.splitlines() if "/use-applications/begin/" in line)
    assert message.to == ["hanako@hoshi.example"] and link.startswith("http")
    path = "/" + link.split("/", 3)[3]
    assert "hanako@hoshi.example" in client.get(path).content.decode()
    assert not UseApplication.objects.exists(), "looking at a link does nothing"
    first = client.post(path)
    assert client.post(path).url == first.url and UseApplication.objects.count() == 1


def test_a_link_is_good_for_three_days_and_cannot_be_changed(client, settings):
    letter = onboarding.ask_for_link(kind=UseKind.PRODUCTION, address="a@b.example", asked_from=None, now=NOW)
    path = onboarding.link_of(letter)
    assert client.get(path).status_code == 200
    forged = client.get(path[:-6] + "xxxxx/")
    assert forged.status_code == 410 and "途中で切れています" in forged.content.decode()
    settings.USE_APPLICATION_LINK_AGE = timedelta(seconds=-1)
    assert "有効期限" in client.get(path).content.decode()
    assert client.post(path).status_code == 410 and not UseApplication.objects.exists()


@pytest.mark.parametrize(
    "address",
    ["no-address", "a@b.example\nBcc: c@d.example", "a@b.example\r\nSubject: x", "a@b.example,c@d.example", ""],
)
def test_an_address_that_would_forge_a_header_is_refused(client, address):
    assert client.post("/use-applications/", {"kind": "production", "address": address}).status_code == 422
    with pytest.raises(letters.BadAddress):
        onboarding.ask_for_link(kind=UseKind.PRODUCTION, address=address, asked_from=None, now=NOW)
    assert not Letter.objects.exists()


def test_a_mailbox_and_a_visitor_cause_so_many_mails_an_hour(client, settings):
    def ask(address: str) -> int:
        return client.post("/use-applications/", {"kind": "production", "address": address}).status_code

    assert [ask("a@b.example") for _ in range(4)] == [302, 302, 302, 422]
    settings.USE_APPLICATION_MAILS_PER_ORIGIN = 4
    assert [ask(f"{n}@b.example") for n in range(2)] == [302, 422]
    with pytest.raises(letters.TooMany):
        onboarding.ask_for_link(kind=UseKind.PRODUCTION, address="A@b.example", asked_from=None, now=_asked_at())
    onboarding.ask_for_link(
        kind=UseKind.PRODUCTION, address="a@b.example", asked_from=None, now=_asked_at() + timedelta(hours=2)
    )


def _asked_at() -> datetime:
    return Letter.objects.latest("written_at").written_at


def test_a_hub_takes_applications_of_its_own_kinds_only(client, settings):
    settings.USE_APPLICATION_KINDS = ["production"]
    answer = client.post("/use-applications/", {"kind": "connection_test", "address": "a@b.example"})
    assert answer.status_code == 422
    assert 'value="connection_test"' not in client.get("/use-applications/").content.decode()
    with pytest.raises(onboarding.KindNotOffered):
        onboarding.ask_for_link(kind=UseKind.CONNECTION_TEST, address="a@b.example", asked_from=None, now=NOW)
