"""Questions to the helpdesk: every state and move, both sides' pages, attachments, and nothing for strangers."""

import itertools

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from portal import attachments, tickets
from portal.checkdigits import luhn
from portal.models import LedgerEntry, Notice, Ticket, TicketFile, TicketMessage
from portal.outbox import words
from portal.tickets import MOVES, Move
from tests.portal.desk import PDF, pdf, question


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def test_a_number_carries_a_check_digit_and_only_it_finds_the_ticket(cast):
    ticket = question(cast)
    assert len(ticket.number) == 11 and luhn(ticket.number[1:-1]) == ticket.number[-1]
    assert Ticket.objects.numbered(ticket.number).get() == ticket
    wrong = ticket.number[:-1] + str((int(ticket.number[-1]) + 1) % 10)
    for number in (wrong, "", "T", ticket.number[1:], ticket.number.replace("T", "R"), "T" + "9" * 30, "T00000000１7"):
        assert not Ticket.objects.numbered(number).exists()


def test_the_helpdesk_is_told_and_the_company_is_told_of_the_answer(cast, now):
    ticket = question(cast)
    told = Notice.objects.get(kind="ticket_asked")
    assert told.recipient == cast.hub and ticket.number in words(told)[0]
    tickets.write(ticket.pk, body="2営業日です。", by=cast["hub.helpdesk"], now=now)
    told = Notice.objects.get(kind="ticket_answered")
    assert told.recipient == cast.sora and told.link == f"/helpdesk/{ticket.number}/"
    tickets.write(ticket.pk, body="ありがとう", by=cast["sora.viewer"], now=now)
    assert Notice.objects.filter(kind="ticket_asked").count() == 2
    tickets.close(ticket.pk, by=cast["hub.helpdesk"], now=now)
    assert Notice.objects.filter(kind="ticket_closed", recipient=cast.sora).count() == 1
    assert list(ticket.messages.values_list("is_answer", flat=True)) == [False, True, False]
    actions = LedgerEntry.objects.filter(subject=f"ticket {ticket.number}").order_by("pk")
    assert [entry.action for entry in actions] == ["ticket.open", "ticket.answer", "ticket.ask", "ticket.close"]


@pytest.mark.parametrize(("state", "move"), itertools.product(Ticket.State.values, Move))
def test_every_state_and_move(cast, now, state, move):
    ticket = question(cast)
    Ticket.objects.filter(pk=ticket.pk).update(state=state)
    by = cast["hub.helpdesk" if move == Move.ANSWER else "sora.relay"]

    def do():
        if move == Move.CLOSE:
            tickets.close(ticket.pk, by=by, now=now)
        else:
            tickets.write(ticket.pk, body="x", by=by, now=now)

    if (state, move) in MOVES:
        do()
    else:
        with pytest.raises(tickets.Closed):
            do()
    ticket.refresh_from_db()
    assert ticket.state == MOVES.get((state, move), state)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"subject": " \n "}, tickets.SubjectMissing),
        ({"body": "  "}, tickets.BodyMissing),
        ({"body": "長" * 5001}, tickets.BodyTooLong),
        ({"files": [pdf()] * 6}, tickets.TooManyFiles),
        ({"files": [pdf(), pdf("x.exe")]}, attachments.UnknownKind),
    ],
)
def test_what_is_refused_leaves_nothing_behind(cast, store, changes, refusal):
    with pytest.raises(refusal):
        question(cast, **changes)
    assert not Ticket.objects.exists() and not Notice.objects.exists()
    assert not [path for path in store.rglob("*") if path.is_file()]


def test_a_subject_cannot_forge_a_header(cast):
    question(cast, subject="質問\r\nBcc: all@example.jp")
    headline, _ = words(Notice.objects.get(kind="ticket_asked"))
    assert "\n" not in headline and headline.endswith("質問 Bcc: all@example.jp")


def test_strangers_and_other_hub_staff(cast, now):
    ticket = question(cast)
    for who in ("yama.relay", "kaze.usage", "hub.auditor"):
        by = cast[who]
        assert not Ticket.objects.visible_to(by).exists()
        with pytest.raises(tickets.NotYours):
            tickets.write(ticket.pk, body="x", by=by, now=now)
        with pytest.raises(tickets.NotYours):
            tickets.close(ticket.pk, by=by, now=now)
    with pytest.raises(tickets.HelpdeskItself):
        question(cast, "hub.helpdesk")
    assert TicketMessage.objects.count() == 1


def test_what_was_said_is_never_changed(cast):
    question(cast, files=[pdf()])
    for rows in (TicketMessage.objects, TicketFile.objects):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.all().delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        TicketMessage.objects.update(body="x")


def test_a_conversation_on_the_pages(cast, client_of):
    sora, hub, yama = client_of(cast["sora.relay"]), client_of(cast["hub.helpdesk"]), client_of(cast["yama.relay"])
    data = {"subject": "画面の不具合", "body": "<script>x</script>"}
    assert sora.post("/helpdesk/new/", {}).status_code == 422
    wrong = sora.post("/helpdesk/new/", {**data, "files": SimpleUploadedFile("x.exe", b"MZ")})
    assert wrong.status_code == 422 and "受け付けていない種類" in wrong.content.decode()
    files = [SimpleUploadedFile("画面.png", b"\x89PNG\r\n\x1a\n0"), SimpleUploadedFile("規程.pdf", PDF)]
    url = sora.post("/helpdesk/new/", {**data, "files": files}).url
    assert "回答する問い合わせ" in hub.get("/").content.decode()
    page = hub.get(url).content.decode()
    assert "画面.png" in page and "<script>x" not in page
    assert hub.post(url, {"body": ""}).status_code == 422
    assert hub.post(url, {"body": "確認します。"}).status_code == 302
    assert "回答する問い合わせ" not in hub.get("/").content.decode()
    assert "確認します。" in sora.get(url).content.decode()
    file = TicketFile.objects.get(name="規程.pdf")
    for client, status in ((sora, 200), (hub, 200), (yama, 404)):
        assert client.get(f"{url}files/{file.pk}/").status_code == status
    assert LedgerEntry.objects.filter(action="ticket.collect").count() == 2
    assert yama.get(url).status_code == yama.post(url, {"body": "x"}).status_code == 404
    assert "画面の不具合" not in yama.get("/helpdesk/").content.decode()
    assert sora.post(f"{url}closing/").status_code == 302
    closed = sora.post(url, {"body": "まだ"})
    assert closed.status_code == 422 and "完了しています" in closed.content.decode()


@pytest.mark.parametrize("number", ["T1", "R0000000017", "T00000000000", "%00", "Ｔ0000000017"])
def test_a_number_of_no_ticket_is_not_there(cast, client_of, number):
    assert client_of(cast["sora.relay"]).get(f"/helpdesk/{number}/").status_code == 404


def test_a_files_address_belongs_to_its_ticket(cast, client_of):
    one, other = question(cast, files=[pdf()]), question(cast)
    pk = TicketFile.objects.get().pk
    assert client_of(cast["sora.relay"]).get(f"/helpdesk/{other.number}/files/{pk}/").status_code == 404
    assert client_of(cast["sora.relay"]).get(f"/helpdesk/{one.number}/files/{pk}/").status_code == 200


def test_list_and_conversation_cost_the_same_at_1_and_3(cast, now, client_of):
    client, ticket = client_of(cast["hub.helpdesk"]), question(cast, files=[pdf()])

    def queries(url: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    url = f"/helpdesk/{ticket.number}/"
    queries(url)
    before = queries("/helpdesk/"), queries(url)
    for who in ("umi.relay", "yama.relay"):
        question(cast, who)
        tickets.write(ticket.pk, body="x", files=[pdf()], by=cast["sora.viewer"], now=now)
    assert (queries("/helpdesk/"), queries(url)) == before
