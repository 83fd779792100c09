"""The library: who finds which document, who gets its file, and what is said to whom does not."""

from datetime import date, timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal import attachments, documents
from portal.models import Document, DocumentRequest, DocumentVersion, LedgerEntry, Notice
from portal.outbox import words
from portal.workdays import jst_date
from tests.portal.desk import PDF, enter, pdf


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def stored(store) -> list[str]:
    return [path.name for path in store.rglob("*") if path.is_file()]


def test_a_document_has_a_version_with_its_file(cast, store):
    document = enter(cast)
    version = document.versions.get()
    assert (version.name, version.content_type, version.size) == ("規程.pdf", "application/pdf", len(PDF))
    assert default_storage.open(version.path).read() == PDF
    assert LedgerEntry.objects.filter(subject=f"document {document.pk}").count() == 2


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"title": "  "}, documents.TitleMissing),
        ({"title": "業務規程 public"}, documents.TitleTaken),
        ({"title": "x", "audience": "on_application", "how_to_obtain": " "}, documents.HowMissing),
        ({"title": "x", "number": " "}, documents.VersionMissing),
        ({"title": "x", "file": pdf("a.exe")}, attachments.UnknownKind),
        ({"title": "x", "file": pdf("a")}, attachments.UnknownKind),
        ({"title": "x", "file": pdf("a.pdf", b"MZ nonsense")}, attachments.OtherContent),
        ({"title": "x", "file": pdf("a.csv", b"a,b\0c")}, attachments.OtherContent),
        ({"title": "x", "file": pdf("a.pdf", b"")}, attachments.Empty),
    ],
)
def test_what_is_refused_leaves_nothing_behind(cast, store, changes, refusal):
    enter(cast)
    before = LedgerEntry.objects.count()
    with pytest.raises(refusal) as refused:
        enter(cast, **changes)
    assert "%" not in str(refused.value)
    assert (Document.objects.count(), len(stored(store)), LedgerEntry.objects.count()) == (1, 1, before)


def test_a_file_above_the_limit_is_refused_with_its_size(cast, settings, store):
    settings.ATTACHMENT_MAX_BYTES = 2_000_000
    with pytest.raises(attachments.TooLarge, match=r"2\.5 MB.*2 MB"):
        enter(cast, file=pdf("大.pdf", PDF + b"x" * 2_500_000))
    assert stored(store) == []


def test_a_version_number_is_used_once_and_its_file_goes_with_the_refusal(cast, now, store):
    document = enter(cast)
    facts = {"published_on": date(2026, 4, 1), "by": cast["hub.operator"], "now": now}
    with pytest.raises(documents.VersionTaken):
        documents.add_version(document.pk, number="1.0", file=pdf(), **facts)
    documents.add_version(document.pk, number="1.1", file=pdf(), **facts)
    assert DocumentVersion.objects.count() == len(stored(store)) == 2


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\x\\y.txt", "y.txt"),
        ("a\r\nB: c.txt", "aB: c.txt"),
        ("か\u3099.txt", "が.txt"),
        ("x" * 300 + ".txt", "x" * 116 + ".txt"),
    ],
)
def test_a_file_name_loses_folders_and_control_characters(given, kept):
    file = ContentFile(b"text", name="x.txt")
    file.name = given
    assert attachments.check(file) == (kept, "text/plain")


@pytest.mark.parametrize("who", ["hub.helpdesk", "hub.auditor", "sora.administrator", "kaze.usage"])
def test_only_the_operator_publishes(cast, now, who):
    document = enter(cast)
    by = cast[who]
    with pytest.raises(documents.NotAllowed):
        enter(cast, title="x", by=by)
    with pytest.raises(documents.NotAllowed):
        documents.withdraw(document.pk, by=by, now=now)


def seen_by(user, now) -> set[str]:
    return set(Document.objects.visible_to(user, today=jst_date(now)).values_list("audience", flat=True))


def test_who_finds_which_document(cast, now):
    for audience in Document.Audience.values:
        enter(cast, audience)
    assert seen_by(None, now) == {"public"}
    assert seen_by(cast["sora.viewer"], now) == set(Document.Audience.values)
    before = now - timedelta(days=60)
    assert seen_by(cast["sora.viewer"], before) == set()
    assert seen_by(cast["hub.operator"], before) == set(Document.Audience.values)
    for document in Document.objects.all():
        documents.withdraw(document.pk, by=cast["hub.operator"], now=now)
    assert seen_by(cast["sora.viewer"], now) == set()
    assert seen_by(cast["hub.operator"], now) == set(Document.Audience.values)


def file_url(document) -> str:
    return f"/documents/{document.pk}/versions/{document.versions.first().pk}/file/"


@pytest.mark.parametrize(
    ("audience", "visitor", "participant"),
    [("public", 200, 200), ("participants", 404, 200), ("on_application", 404, 404)],
)
def test_who_gets_the_file(cast, client_of, audience, visitor, participant):
    document = enter(cast, audience)
    assert Client().get(file_url(document)).status_code == visitor
    assert client_of(cast["sora.viewer"], verified=False).get(file_url(document)).status_code == visitor
    assert client_of(cast["sora.viewer"]).get(file_url(document)).status_code == participant
    answer = client_of(cast["hub.operator"]).get(file_url(document))
    assert b"".join(answer.streaming_content) == PDF
    assert "attachment" in answer["Content-Disposition"]


def test_a_version_of_tomorrow_is_not_given_out(cast, client_of, now):
    document = enter(cast)
    tomorrow = date.today() + timedelta(days=2)
    version = documents.add_version(
        document.pk, number="2", published_on=tomorrow, file=pdf(), by=cast["hub.operator"], now=now
    )
    url = f"/documents/{document.pk}/versions/{version.pk}/file/"
    assert Client().get(url).status_code == client_of(cast["sora.viewer"]).get(url).status_code == 404
    assert client_of(cast["hub.operator"]).get(url).status_code == 200
    other = enter(cast, title="他")
    assert Client().get(f"/documents/{other.pk}/versions/{document.versions.last().pk}/file/").status_code == 404


def test_applying_being_granted_and_reading(cast, now, client_of):
    document = enter(cast, "on_application")
    sora, yama = client_of(cast["sora.viewer"]), client_of(cast["yama.viewer"])
    assert sora.post(f"/documents/{document.pk}/", {"purpose": "約款の作成"}).status_code == 302
    asked = DocumentRequest.objects.get()
    assert Notice.objects.get(kind="document_asked").recipient == cast.hub
    assert sora.get(file_url(document)).status_code == 404
    hub = client_of(cast["hub.operator"])
    assert "約款の作成" in hub.get(f"/documents/requests/{asked.pk}/").content.decode()
    assert hub.get("/").content.decode().count("決定する閲覧申請") == 1
    assert hub.post(f"/documents/requests/{asked.pk}/", {"grant": "no", "answer": ""}).status_code == 422
    assert hub.post(f"/documents/requests/{asked.pk}/", {"grant": "yes"}).status_code == 302
    told = Notice.objects.get(kind="document_granted")
    assert told.recipient == cast.sora and document.title in words(told)[0]
    assert sora.get(file_url(document)).status_code == 200
    assert yama.get(file_url(document)).status_code == 404
    assert LedgerEntry.objects.filter(action="document.collect", user=cast["sora.viewer"]).count() == 1
    with pytest.raises(documents.AlreadyDecided):
        documents.decide(asked.pk, grant=False, answer="x", by=cast["hub.operator"], now=now)


def test_a_refused_company_may_apply_again_a_waiting_one_not(cast, now):
    document = enter(cast, "on_application")
    facts = {"purpose": "x", "by": cast["sora.viewer"], "now": now}
    asked = documents.ask(document, **facts)
    with pytest.raises(documents.AlreadyAsked):
        documents.ask(document, **facts)
    documents.decide(asked.pk, grant=False, answer="対象外", by=cast["hub.operator"], now=now)
    assert "対象外" in words(Notice.objects.get(kind="document_refused"))[1]
    documents.ask(document, **facts)
    with pytest.raises(documents.PurposeMissing):
        documents.ask(document, **{**facts, "purpose": " ", "by": cast["umi.viewer"]})
    with pytest.raises(documents.NothingToAsk):
        documents.ask(enter(cast), **facts)


def test_the_operator_publishes_on_the_pages(cast, client_of):
    hub = client_of(cast["hub.operator"])
    data = {"title": "送配電等業務指針", "audience": "public", "number": "1", "published_on": "2026-04-01"}
    missing = hub.post("/documents/new/", data)
    assert missing.status_code == 422 and "ファイルを選んでください" in missing.content.decode()
    wrong = hub.post("/documents/new/", {**data, "file": SimpleUploadedFile("a.exe", b"MZ")})
    assert wrong.status_code == 422 and "受け付けていない種類" in wrong.content.decode()
    empty = hub.post("/documents/new/", {**data, "file": SimpleUploadedFile("a.pdf", b"")})
    assert empty.status_code == 422 and "空のファイル" in empty.content.decode()
    large = hub.post("/documents/new/", {**data, "file": SimpleUploadedFile("a.pdf", PDF + b"0" * 10_000_000)})
    assert large.status_code == 422 and "10 MB" in large.content.decode()
    done = hub.post("/documents/new/", {**data, "file": SimpleUploadedFile("指針.pdf", PDF)})
    assert done.status_code == 302
    assert "指針.pdf" in Client().get(done.url).content.decode()
    version = {"number": "1", "published_on": "2026-04-02", "file": SimpleUploadedFile("指針.pdf", PDF)}
    assert hub.post(f"{done.url}versions/new/", version).status_code == 422
    version = {**version, "number": "2", "file": SimpleUploadedFile("指針2.pdf", PDF)}
    assert hub.post(f"{done.url}versions/new/", version).status_code == 302
    assert "取り下げる" in hub.get(f"{done.url}withdrawal/").content.decode()
    assert hub.post(f"{done.url}withdrawal/").status_code == 302
    assert Client().get(done.url).status_code == 404
    assert hub.get(done.url).status_code == 200


def test_the_library_reads_the_same_number_of_queries_at_1_and_3(cast, client_of):
    client = client_of(cast["sora.viewer"])
    enter(cast)
    client.get("/documents/")
    with CaptureQueriesContext(connection) as one:
        client.get("/documents/")
    enter(cast, "participants")
    enter(cast, "on_application")
    with CaptureQueriesContext(connection) as three:
        client.get("/documents/")
    assert len(one) == len(three)
