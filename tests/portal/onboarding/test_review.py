"""What operators do with an application for use, and what stands once it is approved."""

import pytest
from django.core import mail
from django.db import IntegrityError, transaction

from portal import companies, four_eyes, letters, onboarding, people
from portal.companies import TakesPart
from portal.models import Company, LedgerEntry, Letter, Proposal, UseApplication, User, UseStep
from portal.models.onboarding import UseKind, UseState
from portal.onboarding import Named
from tests.cast import NOW
from tests.portal.newcomers import (
    ADMINISTRATOR,
    CLERK,
    COMPANY,
    CORPORATE_NUMBER,
    START,
    approved,
    begun,
    filed,
    filled,
    page_of,
    second_operator,
)

pytestmark = pytest.mark.django_db


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
