"""From "we would like to use the hub" to a company with people: the application, its review, the approval."""

from datetime import date, datetime, timedelta

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client

from portal import companies, four_eyes, letters, onboarding, people, user_lists
from portal.companies import TakesPart
from portal.models import Company, LedgerEntry, Letter, Proposal, UseApplication, User, UseStep
from portal.models.onboarding import UseKind, UseState
from portal.onboarding import Named
from portal.workdays import JST
from tests.cast import NOW, client_of
from tests.portal.newcomers import (
    ADMINISTRATOR,
    CLERK,
    COMPANY,
    CORPORATE_NUMBER,
    START,
    begun,
    filed,
    filled,
    second_operator,
)

pytestmark = pytest.mark.django_db


def jst(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=JST)


def page_of(application: UseApplication, step: str = "") -> str:
    return f"/use-applications/{application.key}/{step}"


def read(text: str, encoding: str = "utf-8") -> list[user_lists.Row]:
    return user_lists.read(
        text.encode(encoding),
        check=lambda named, seen: onboarding.faults(named, seen, administrator=False),
        taken=["hoshi.kanri"],
    )


# --- Deadlines ----------------------------------------------------------------------------------------------------


def test_for_a_start_on_1_march_2016_the_application_was_due_by_19_february():
    assert onboarding.deadline(UseKind.PRODUCTION, date(2016, 3, 1)) == date(2016, 2, 19)


def test_the_earliest_start_is_the_first_whose_deadline_is_not_over():
    assert onboarding.earliest_start(UseKind.PRODUCTION, date(2016, 2, 19)) == date(2016, 3, 1)
    for day in (date(2016, 2, 20) + timedelta(days=n) for n in range(40)):
        for kind in UseKind:
            earliest = onboarding.earliest_start(kind, day)
            assert onboarding.deadline(kind, earliest) >= day > onboarding.deadline(kind, earliest - timedelta(days=1))


def test_both_kinds_have_a_deadline_of_their_own():
    start = date(2026, 5, 29)
    assert onboarding.deadline(UseKind.PRODUCTION, start) < onboarding.deadline(UseKind.CONNECTION_TEST, start)


def test_on_the_last_day_it_is_filed_a_minute_later_it_is_refused_with_the_earliest_start():
    first = filled(1, jst(2016, 2, 10, 9), date(2016, 3, 1))
    onboarding.file(first, accepts=True, now=jst(2016, 2, 19, 23, 59))
    late = filled(2, jst(2016, 2, 10, 9), date(2016, 3, 1))
    with pytest.raises(onboarding.DeadlineOver, match=r"2016-02-19.*2016-03-02"):
        onboarding.file(late, accepts=True, now=jst(2016, 2, 20, 0, 0))


def test_an_answer_to_a_question_keeps_the_day_of_the_first_filing(cast):
    application = filed()
    onboarding.ask_back(application, message="区域を確認してください。", by=cast["hub.operator"], now=NOW)
    again = onboarding.file(application, accepts=True, now=NOW + timedelta(days=28))
    assert again.state == UseState.WAITING and again.filed_at == NOW


# --- The link -----------------------------------------------------------------------------------------------------


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


# --- Filling in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"registration_number": "B0001"}, companies.BadRegistrationNumber),
        ({"corporate_number": "1234567890123"}, companies.BadCorporateNumber),
        ({"name": " "}, companies.NameMissing),
        ({"name": "星\nBcc: x@y.example"}, onboarding.ControlCharacters),
        ({"name_en": "Hoshi\x00"}, onboarding.ControlCharacters),
        ({"notice_address": "a@b.example\nBcc: x@y.example"}, onboarding.ControlCharacters),
        ({"notice_address": "nobody"}, letters.BadAddress),
        ({"market_roles": ["king"]}, onboarding.NothingChosen),
    ],
)
def test_wrong_company_data_is_refused_by_name(change, refusal):
    application = begun()
    with pytest.raises(refusal):
        onboarding.save_company(application, **(COMPANY | change))


def test_what_is_missing_is_said_page_by_page():
    application = begun()
    assert [step for step, _why in onboarding.gaps(application)] == ["company", "wanted", "administrators"]
    with pytest.raises(onboarding.Incomplete):
        onboarding.file(application, accepts=True, now=NOW)
    onboarding.save_company(application, **(COMPANY | {"registration_number": ""}))
    application.refresh_from_db()
    assert "登録番号" in dict(onboarding.gaps(application))["company"]


def test_the_statement_must_be_accepted(client):
    application = filled()
    with pytest.raises(onboarding.StatementNotAccepted):
        onboarding.file(application, accepts=False, now=NOW)
    page = client.get(page_of(application, "filing/")).content.decode()
    assert "共同で利用" in page and CORPORATE_NUMBER in page
    assert client.post(page_of(application, "filing/"), {}).status_code == 422
    onboarding.file(application, accepts=True, now=NOW)
    page = client.get(page_of(application)).content.decode()
    assert f"/use-applications/joint-use/{onboarding.STATEMENT_EDITION}/" in page
    assert client.get("/use-applications/joint-use/1999-01/").status_code == 404


def test_filed_in_the_browser_step_by_step(client, settings):
    application = begun(now=NOW)
    start = onboarding.earliest_start(application.kind, datetime.now(tz=JST).date())

    def send(step: str, **data) -> None:
        answer = client.post(page_of(application, step), data)
        assert answer.status_code == 302, answer.content.decode()

    page = client.get(page_of(application, "company/"))
    assert page.status_code == 200
    wrong = client.post(page_of(application, "company/"), COMPANY | {"corporate_number": "1234567890123"})
    assert wrong.status_code == 422 and "法人番号は13桁" in wrong.content.decode()
    send("company/", **(COMPANY | {"corporate_number": f"{CORPORATE_NUMBER[:1]}-{CORPORATE_NUMBER[1:]}"}))
    late = client.post(
        page_of(application, "wanted/"), {"areas": ["03"], "supply_classes": ["LV"], "wanted_start": "2020-01-01"}
    )
    assert late.status_code == 422 and "申請期限" in late.content.decode()
    assert client.post(page_of(application, "wanted/"), {"wanted_start": "some day"}).status_code == 422
    send("wanted/", areas=["03"], supply_classes=["LV", "HV"], wanted_start=start.isoformat())
    rows = {"form-TOTAL_FORMS": 3, "form-INITIAL_FORMS": 0, "form-0-username": "Hoshi.Kanri", "form-0-name": "星 花子"}
    assert client.post(page_of(application, "administrators/"), rows).status_code == 422
    send("administrators/", **rows, **{"form-0-email": "hanako@hoshi.example"})
    again = {
        "form-TOTAL_FORMS": 3,
        "form-INITIAL_FORMS": 1,
        "form-0-username": "",
        "form-0-name": "",
        "form-0-email": "",
    }
    other = {"form-1-username": "hoshi.kanri2", "form-1-name": "星 次郎", "form-1-email": "jiro@hoshi.example"}
    send("administrators/", **again, **other)
    assert [one.username for one in application.people.all()] == ["hoshi.kanri2"]
    send("certificates/", certificate_ids="kirikae-ca:00ff\nkirikae-ca:0100\n")
    assert client.post(page_of(application, "certificates/"), {"certificate_ids": "<script>"}).status_code == 422
    send("filing/", accepts="on")
    application.refresh_from_db()
    assert application.state == UseState.WAITING and application.certificate_ids == [
        "kirikae-ca:00ff",
        "kirikae-ca:0100",
    ]
    assert "広域機関の番です" in client.get(page_of(application)).content.decode()
    kinds = list(Letter.objects.values_list("kind", flat=True))
    assert kinds == ["use_application_received"]


def test_a_filed_application_is_changed_by_nobody(client):
    application = filed()
    for step in ("company/", "wanted/", "administrators/", "users/", "certificates/", "filing/"):
        assert client.get(page_of(application, step)).status_code == 302
        assert client.post(page_of(application, step), {}).status_code == 302
    with pytest.raises(onboarding.NotNow):
        onboarding.save_people(application, [], administrators=True)


def test_an_unknown_key_opens_nothing(client):
    assert client.get("/use-applications/00000000-0000-4000-8000-000000000000/").status_code == 404
    assert client.get("/use-applications/1/").status_code == 404


# --- General users ------------------------------------------------------------------------------------------------

LIST = """ユーザID,氏名,メール,役割
hoshi.tanto,星 太郎,taro@hoshi.example,照会 廃止取次
hoshi.etsuran,髙橋 一郎,ichiro@hoshi.example,閲覧
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_a_list_is_read_whatever_its_encoding(encoding):
    rows = read(LIST, encoding)
    assert [(row.named.username, row.named.roles) for row in rows] == [
        ("hoshi.tanto", ("inquiry", "relay")),
        ("hoshi.etsuran", ("viewer",)),
    ]
    assert rows[1].named.name == "髙橋 一郎" and not any(row.faults for row in rows)


def test_every_fault_of_a_row_is_told_with_its_line():
    head = "user id,name,e-mail,roles\n"
    rows = read(
        head + "x,,nobody,king\nhoshi.a,A,a@b.example,viewer\nHOSHI.A,B,b@b.example,viewer\n"
        "hoshi.kanri,C,c@b.example,viewer\nhoshi.d,D,d@b.example,\nhoshi.e,E,e@b.example,viewer,more,still\n"
    )
    assert [row.line for row in rows] == [2, 3, 4, 5, 6, 7]
    assert [len(row.faults) for row in rows] == [4, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        "ユーザID,氏名\na,b\n".encode(),
        "ユーザID,氏名,メール,役割\n".encode(),
        b"PK\x03\x04\x00\x00",
        b"\x81\xff\xfe\x81",
        'ユーザID,氏名,メール,役割\na,"b,c,d\n'.encode(),
        b"x" * 1_000_001,
        ("ユーザID,氏名,メール,役割\n" + "".join(f"u{n},N,n@b.example,閲覧\n" for n in range(1001))).encode(),
    ],
)
def test_what_is_no_list_is_refused_with_a_sentence(client, data):
    application = begun()
    answer = client.post(page_of(application, "users/"), {"file": SimpleUploadedFile("users.csv", data)})
    assert answer.status_code == 422 and "error-summary" in answer.content.decode()
    assert not application.people.exists()


def test_a_list_is_kept_after_the_preview_only(client):
    application = begun()
    url = page_of(application, "users/")
    bad = LIST.replace("taro@", "taro")
    page = client.post(url, {"file": SimpleUploadedFile("u.csv", bad.encode())})
    assert page.status_code == 422 and 'name="rows"' not in page.content.decode()
    page = client.post(url, {"file": SimpleUploadedFile("u.csv", LIST.encode("cp932"))})
    assert page.status_code == 200 and "髙橋 一郎" in page.content.decode() and not application.people.exists()
    packed = page.context["packed"]
    other = begun(2)
    assert client.post(page_of(other, "users/"), {"rows": packed}).status_code == 302
    assert not other.people.exists(), "rows of one application serve no other"
    client.post(url, {"rows": packed + "x"})
    assert not application.people.exists()
    client.post(url, {"rows": packed})
    assert set(application.people.values_list("username", flat=True)) == {"hoshi.tanto", "hoshi.etsuran"}
    client.post(url, {"none": "1"})
    assert not application.people.exists()


def test_ten_megabytes_are_refused_without_reading_them(client):
    application = begun()
    data = SimpleUploadedFile("u.csv", b"a,b\n" * 2_500_000)
    assert client.post(page_of(application, "users/"), {"file": data}).status_code == 422


def test_a_person_is_named_once_across_administrators_and_users():
    application = filled()
    with pytest.raises(onboarding.BadPerson):
        onboarding.save_people(
            application, [Named("hoshi.kanri", "X", "x@b.example", ("viewer",))], administrators=False
        )
    with pytest.raises(onboarding.BadPerson):
        onboarding.save_people(application, [Named("hoshi.x", "X\nY", "x@b.example")], administrators=True)
    with pytest.raises(onboarding.BadPerson):
        onboarding.save_people(application, [Named("hoshi.x", "X", "x@b.example", ("operator",))], administrators=False)
    with pytest.raises(onboarding.TooManyPeople):
        many = [Named(f"hoshi.{n}", "X", "x@b.example") for n in range(11)]
        onboarding.save_people(application, many, administrators=True)
    assert {one.username for one in application.people.all()} == {"hoshi.kanri", "hoshi.tanto"}


# --- Review -------------------------------------------------------------------------------------------------------


def approved(cast, application: UseApplication) -> UseApplication:
    proposal = onboarding.propose_approval(
        application, codes=onboarding.suggested_codes(application), by=cast["hub.operator"], now=NOW
    )
    four_eyes.confirm(proposal, by=second_operator(cast), now=NOW)
    application.refresh_from_db()
    return application


def test_the_approval_enters_company_codes_and_people(cast):
    application = approved(cast, filed())
    company = application.company
    assert application.state == UseState.APPROVED and company.name == "星でんき"
    assert company.corporate_number == CORPORATE_NUMBER
    assert sorted(company.participations.values_list("area", "code")) == [("03", "30777"), ("06", "60777")]
    grants = {user.username: {str(g) for g in user.grants.all()} for user in company.people.all()}
    assert len(grants["hoshi.kanri"]) == 1 and all("LV" in words for words in grants["hoshi.tanto"])
    assert User.objects.get(username="hoshi.kanri").grants.get().role == "administrator"
    assert not any(user.has_usable_password() for user in company.people.all())
    addressed = set(Letter.objects.exclude(kind__startswith="use_application").values_list("address", flat=True))
    assert addressed == {ADMINISTRATOR.email, CLERK.email}
    entry = LedgerEntry.objects.get(action="company registered", subject=f"company {company.pk}")
    assert entry.user.username == "hub.second"


def test_one_operator_alone_approves_nothing(cast, hub_operator):
    application = filed()
    codes = onboarding.suggested_codes(application)
    proposal = onboarding.propose_approval(application, codes=codes, by=hub_operator, now=NOW)
    with pytest.raises(four_eyes.SecondPersonNeeded):
        four_eyes.confirm(proposal, by=hub_operator, now=NOW)
    assert not Company.objects.filter(name="星でんき").exists()


@pytest.mark.parametrize("who", ["hub.helpdesk", "hub.auditor", "hub.administrator", "sora.administrator"])
def test_only_operators_review(cast, who):
    application, by = filed(), cast[who]
    for deed in (
        lambda: onboarding.ask_back(application, message="x", by=by, now=NOW),
        lambda: onboarding.refuse(application, reason="x", by=by, now=NOW),
        lambda: onboarding.propose_approval(application, codes=onboarding.suggested_codes(application), by=by, now=NOW),
    ):
        with pytest.raises(onboarding.NotAllowed):
            deed()
    application.refresh_from_db()
    assert application.state == UseState.WAITING


def test_a_declined_approval_is_in_review_again(cast, hub_operator):
    application = filed()
    proposal = onboarding.propose_approval(
        application, codes=onboarding.suggested_codes(application), by=hub_operator, now=NOW
    )
    four_eyes.decline(proposal, reason="コードを変更する。", by=second_operator(cast), now=NOW)
    application.refresh_from_db()
    assert application.state == UseState.WAITING


def test_asked_back_the_applicant_reads_the_question_corrects_and_files_again(cast, client):
    application = filed()
    onboarding.ask_back(application, message="区域をご確認ください。", by=cast["hub.operator"], now=NOW)
    letters.send_due(now=NOW)
    body = mail.outbox[-1].body
    assert "区域をご確認ください。" in body and str(application.key) in body
    assert "区域をご確認ください。" in client.get(page_of(application)).content.decode()
    onboarding.save_wanted(application, areas=["03"], supply_classes=["LV"], wanted_start=START, now=NOW)
    again = onboarding.file(application, accepts=True, now=NOW)
    assert again.areas == ["03"] and again.state == UseState.WAITING


def test_refused_with_a_reason_and_for_good(cast, client):
    application = filed()
    with pytest.raises(onboarding.MessageMissing):
        onboarding.refuse(application, reason=" ", by=cast["hub.operator"], now=NOW)
    onboarding.refuse(application, reason="登録が確認できません。", by=cast["hub.operator"], now=NOW)
    assert "登録が確認できません。" in client.get(page_of(application)).content.decode()
    for deed in (
        lambda: onboarding.file(application, accepts=True, now=NOW),
        lambda: onboarding.withdraw(application, now=NOW),
        lambda: onboarding.ask_back(application, message="x", by=cast["hub.operator"], now=NOW),
    ):
        with pytest.raises(onboarding.NotNow):
            deed()


@pytest.mark.parametrize("state", list(UseState))
def test_every_state_moves_where_the_table_says_and_nowhere_else(cast, hub_operator, state):
    deeds = {
        UseState.WAITING: lambda a: onboarding.file(a, accepts=True, now=NOW),
        UseState.ASKED_BACK: lambda a: onboarding.ask_back(a, message="x", by=hub_operator, now=NOW),
        UseState.REFUSED: lambda a: onboarding.refuse(a, reason="x", by=hub_operator, now=NOW),
        UseState.WITHDRAWN: lambda a: onboarding.withdraw(a, now=NOW),
        UseState.PROPOSED: lambda a: onboarding.propose_approval(
            a, codes=onboarding.suggested_codes(a), by=hub_operator, now=NOW
        ),
    }
    for target, deed in deeds.items():
        with transaction.atomic():
            application = filed(99)
            UseApplication.objects.update(state=state, company=cast.sora)
            application.refresh_from_db()
            allowed = target in onboarding.MOVES.get(state, ()) and not (state == "proposed" and target == "waiting")
            try:
                deed(application)
            except onboarding.NotNow:
                assert not allowed, (state, target)
            else:
                assert allowed, (state, target)
            transaction.set_rollback(True)


def test_every_state_has_its_page(cast, client):
    application = filed()
    for state in UseState:
        UseApplication.objects.update(state=state, company=cast.sora)
        for language in ("ja", "en"):
            client.cookies["django_language"] = language
            assert client.get(page_of(application)).status_code == 200


def test_withdrawn_by_the_applicant_in_the_browser(client):
    application = filed()
    assert "再開できません" in client.get(page_of(application, "withdrawal/")).content.decode()
    client.post(page_of(application, "withdrawal/"))
    application.refresh_from_db()
    assert application.state == UseState.WITHDRAWN
    assert client.post(page_of(application, "withdrawal/"), follow=True).status_code == 200


def test_codes_must_be_whole_wellformed_and_free(cast, hub_operator):
    application = filed()
    first, second = onboarding.suggested_codes(application)

    def propose(*codes: TakesPart) -> Proposal:
        return onboarding.propose_approval(application, codes=codes, by=hub_operator, now=NOW)

    with pytest.raises(onboarding.CodesMissing):
        propose(first)
    with pytest.raises(companies.BadCode):
        propose(first, TakesPart(second.market_role, second.area, "ab"))
    proposal = propose(first, TakesPart(second.market_role, second.area, "S0RA6"))
    with pytest.raises(companies.CodeTaken):
        four_eyes.confirm(proposal, by=second_operator(cast), now=NOW)
    application.refresh_from_db()
    assert application.state == UseState.PROPOSED and not Company.objects.filter(name="星でんき").exists()


def test_suggested_codes_are_free(cast):
    companies.register(name="先の会社", participations=[TakesPart("retailer", "03", "30777")], by=None, now=NOW)
    assert [part.code for part in onboarding.suggested_codes(filed())] == ["30778", "60777"]


def test_a_user_id_of_another_company_stops_the_proposal_not_the_applicant(cast, hub_operator):
    cast["sora.relay"]
    application = filled()
    onboarding.save_people(application, [Named("sora.relay", "X", "x@b.example")], administrators=True)
    application = onboarding.file(application, accepts=True, now=NOW)
    assert onboarding.taken_usernames(application) == ["sora.relay"]
    with pytest.raises(people.UsernameTaken):
        onboarding.propose_approval(
            application, codes=onboarding.suggested_codes(application), by=hub_operator, now=NOW
        )


def test_a_second_application_of_the_same_company_adds_to_it(cast):
    company = approved(cast, filed()).company
    later = begun(2, UseKind.CONNECTION_TEST)
    onboarding.save_company(later, **COMPANY)
    onboarding.save_wanted(later, areas=["01"], supply_classes=["LV"], wanted_start=START, now=NOW)
    onboarding.save_people(later, [ADMINISTRATOR], administrators=True)
    later = onboarding.file(later, accepts=True, now=NOW)
    proposal = onboarding.propose_approval(
        later, codes=onboarding.suggested_codes(later), by=cast["hub.operator"], now=NOW
    )
    four_eyes.confirm(proposal, by=User.objects.get(username="hub.second"), now=NOW)
    later.refresh_from_db()
    assert later.company == company and company.participations.count() == 3 and company.people.count() == 2


def test_the_database_keeps_what_was_promised(cast):
    application = filed()
    for values, name in (
        ({"state": "approved"}, "an_approved_use_application_has_its_company"),
        ({"statement_edition": ""}, "a_filed_use_application_has_a_start_and_a_statement"),
    ):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            UseApplication.objects.filter(pk=application.pk).update(**values)
    with pytest.raises(Exception, match=r"append_only|Cannot"), transaction.atomic():
        UseStep.objects.update(message="never said")


# --- The workbench ------------------------------------------------------------------------------------------------


def test_reviewed_and_approved_in_the_workbench(cast, hub_operator):
    application = filed()
    first, second = client_of(hub_operator), client_of(second_operator(cast))
    assert "審査する利用申請" in first.get("/").content.decode()
    assert "星でんき" in first.get("/workbench/portal/useapplication/").content.decode()
    url = f"/workbench/portal/useapplication/{application.pk}/change/"
    page = first.get(url).content.decode()
    assert 'value="30777"' in page and "hanako@hoshi.example" in page and str(application.key) not in page
    assert first.post(url, {"deed": "ask_back", "message": ""}).status_code == 422
    codes = {"code-retailer-03": "H0SH3", "code-retailer-06": "h"}
    wrong = first.post(url, {"deed": "propose", **codes})
    assert wrong.status_code == 422 and 'value="H0SH3"' in wrong.content.decode()
    codes["code-retailer-06"] = "H0SH6"
    assert first.post(url, {"deed": "propose", **codes}).status_code == 302
    proposal = Proposal.objects.get()
    assert "H0SH6" in second.get(f"/workbench/portal/proposal/{proposal.pk}/change/").content.decode()
    assert f"/workbench/portal/proposal/{proposal.pk}/change/" in first.get(url).content.decode()
    assert second.post(f"/workbench/portal/proposal/{proposal.pk}/change/", {"deed": "confirm"}).status_code == 302
    assert Company.objects.get(name="星でんき").participations.filter(code="H0SH3").exists()
    assert first.get(url).status_code == 200 and first.post(url, {"deed": "what"}).status_code == 422


def test_helpdesk_and_auditor_look_and_a_draft_is_nobodys(cast):
    application, draft = filed(), begun(2)
    client = client_of(cast["hub.auditor"])
    url = f"/workbench/portal/useapplication/{application.pk}/change/"
    assert client.get(url).status_code == 200 and 'name="deed"' not in client.get(url).content.decode()
    assert client.post(url, {"deed": "refuse", "message": "x"}).status_code == 403
    assert client.get(f"/workbench/portal/useapplication/{draft.pk}/change/").status_code == 404
    assert client.get("/workbench/portal/useapplication/abc/change/").status_code == 404
    assert client.get("/workbench/portal/letter/").status_code == 200


def test_long_lists_cost_no_more_queries(client, django_assert_max_num_queries):
    application = filled()
    onboarding.save_people(
        application,
        [Named(f"hoshi.u{n}", "X", f"u{n}@b.example", ("viewer",)) for n in range(200)],
        administrators=False,
    )
    client = Client()
    with django_assert_max_num_queries(8):
        assert client.get(page_of(application)).status_code == 200
