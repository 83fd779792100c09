"""Companies and accounts: every rule, every refusal, a ledger row for every deed."""

import threading

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import TextChoices
from hypothesis import given
from hypothesis import strategies as st

from portal import access, companies, people
from portal.access import Ability, Role, covers, within
from portal.companies import TakesPart, corporate_check_digit
from portal.models import Company, Event, Grant, LedgerEntry, Notice, Participation, User
from portal.people import Hold
from tests import cast as the_cast
from tests.cast import NOW, PASSWORD


def a_company(**more):
    return companies.register(**{"name": "星電力", "by": None, "now": NOW, **more})


def test_a_company_is_registered_with_its_codes_and_evidence(hub_operator):
    company = a_company(
        registration_number="A0123",
        corporate_number="7000012050002",
        participations=[TakesPart("retailer", "03", "H0SH3"), TakesPart("retailer", "06", "H0SH6")],
        by=hub_operator,
    )
    assert company.market_roles == {"retailer"}
    assert list(
        LedgerEntry.objects.filter(subject=f"company {company.pk}").order_by("id").values_list("action", flat=True)
    ) == ["company registered", "company takes part", "company takes part"]


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"name": "  "}, companies.NameMissing),
        ({"name": "空でんき"}, companies.NameTaken),
        ({"registration_number": "B0123"}, companies.BadRegistrationNumber),
        ({"registration_number": "A０１２３"}, companies.BadRegistrationNumber),
        ({"corporate_number": "8000012050002"}, companies.BadCorporateNumber),
        ({"corporate_number": "123"}, companies.BadCorporateNumber),
        ({"is_hub_operator": True}, companies.SecondHubOperator),
        ({"participations": [TakesPart("retailer", "03", "h0sh3")]}, companies.BadCode),
        ({"participations": [TakesPart("retailer", "03", "S0RA3")]}, companies.CodeTaken),
        ({"participations": [TakesPart("network_operator", "03", "H0SH3")]}, companies.AreaTaken),
    ],
)
def test_a_company_that_breaks_a_rule_is_not_entered(cast, values, refusal):
    before = Company.objects.count(), Participation.objects.count(), LedgerEntry.objects.count()
    with pytest.raises(refusal) as caught:
        a_company(**values)
    assert str(caught.value)
    assert (Company.objects.count(), Participation.objects.count(), LedgerEntry.objects.count()) == before


@given(st.text("0123456789", min_size=12, max_size=12), st.integers(0, 11))
def test_one_wrong_digit_of_a_corporate_number_is_found(base, place):
    """Modulo 9: every single wrong digit shows, but 0 taken for 9."""
    for other in "0123456789":
        if int(other) % 9 != int(base[place]) % 9:
            wrong = base[:place] + other + base[place + 1 :]
            assert corporate_check_digit(wrong) != corporate_check_digit(base)


def test_a_new_code_replaces_the_old_and_leaving_ends_it(sora, hub_operator):
    companies.take_part(sora, TakesPart("retailer", "03", "S0RA9"), by=hub_operator, now=NOW)
    assert sorted(sora.participations.values_list("code", flat=True)) == ["S0RA6", "S0RA9"]
    companies.leave(sora, market_role="retailer", area="03", by=hub_operator, now=NOW)
    with pytest.raises(companies.NotTakingPart):
        companies.leave(sora, market_role="retailer", area="03", by=hub_operator, now=NOW)


def test_changes_keep_old_and_new(sora, hub_operator):
    companies.change(sora, name="空でんき新", by=hub_operator, now=NOW)
    entry = LedgerEntry.objects.get(action="company changed")
    assert entry.detail == {"changes": {"name": ["空でんき", "空でんき新"]}}
    companies.change(sora, name="空でんき新", by=hub_operator, now=NOW)
    assert LedgerEntry.objects.filter(action="company changed").count() == 1


@pytest.mark.parametrize("who", ["sora.administrator", "hub.helpdesk", "hub.auditor"])
def test_only_a_hub_operator_touches_the_registry(cast, who):
    by = cast[who]
    for deed in (
        lambda: a_company(by=by),
        lambda: companies.change(cast.sora, name="x", by=by, now=NOW),
        lambda: companies.take_part(cast.sora, TakesPart("retailer", "01", "S0RA1"), by=by, now=NOW),
        lambda: companies.leave(cast.sora, market_role="retailer", area="03", by=by, now=NOW),
        lambda: companies.suspend(cast.sora, by=by, now=NOW),
        lambda: companies.thaw(cast.sora, by=by, now=NOW),
    ):
        with pytest.raises(companies.NotAllowed):
            deed()


def test_the_hub_operator_itself_stays(hub, hub_operator):
    with pytest.raises(companies.HubOperatorStays):
        companies.suspend(hub, by=hub_operator, now=NOW)


def test_an_account_is_registered_by_the_companys_administrator(sora, sora_administrator):
    user = people.register(
        company=sora, username="sora.haru", name="春", password=PASSWORD, roles=[Role.RELAY],
        by=sora_administrator, now=NOW,
    )  # fmt: skip
    assert user.check_password(PASSWORD) and user.roles == {"relay"}


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"username": "ab"}, people.BadUsername),
        ({"username": "Sora.X"}, people.BadUsername),
        ({"username": "sora.relay"}, people.UsernameTaken),
        ({"password": "short"}, people.WeakPassword),
        ({"password": "password1234"}, people.WeakPassword),
        ({"roles": [Role.OPERATOR]}, people.RoleNotForCompany),
    ],
)
def test_an_account_that_breaks_a_rule_is_not_opened(cast, values, refusal):
    cast["sora.relay"]
    before = User.objects.count(), Grant.objects.count(), LedgerEntry.objects.count()
    with pytest.raises(refusal) as caught:
        people.register(
            **{"company": cast.sora, "username": "sora.new", "name": "新", "by": None, "now": NOW, **values}
        )
    assert str(caught.value)
    assert (User.objects.count(), Grant.objects.count(), LedgerEntry.objects.count()) == before


@pytest.mark.parametrize("who", ["yama.administrator", "sora.relay", "hub.helpdesk", "hub.auditor"])
def test_nobody_else_touches_an_account(cast, who):
    by, user = cast[who], cast["sora.viewer"]
    assert cast["sora.administrator"].is_active, "where there is none, the helpdesk may thaw"
    for deed in (
        lambda: people.register(company=cast.sora, username="sora.new", name="新", by=by, now=NOW),
        lambda: people.change(user, name="x", by=by, now=NOW),
        lambda: people.set_password(user, password=PASSWORD, by=by, now=NOW),
        lambda: people.set_roles(user, roles=[Role.RELAY], by=by, now=NOW),
        lambda: people.enrol_totp(user, by=by, now=NOW),
        lambda: people.reset_second_factor(user, by=by, now=NOW),
        lambda: people.suspend(user, by=by, now=NOW),
        lambda: people.thaw(user, by=by, now=NOW),
    ):
        with pytest.raises(people.NotAllowed):
            deed()


def test_the_last_administrator_stays(cast, hub_operator):
    last = cast["sora.administrator"]
    for deed in (
        lambda: people.suspend(last, by=hub_operator, now=NOW),
        lambda: people.set_roles(last, roles=[Role.VIEWER], by=hub_operator, now=NOW),
    ):
        with pytest.raises(people.LastAdministrator):
            deed()
    people.set_roles(cast["sora.viewer"], roles=[Role.ADMINISTRATOR], by=last, now=NOW)
    people.suspend(last, by=hub_operator, now=NOW)


def test_hub_roles_come_from_a_hub_operator_only(cast):
    keeper = cast["hub.administrator"]
    with pytest.raises(people.NotAllowed):
        people.set_roles(keeper, roles=[Role.ADMINISTRATOR, Role.OPERATOR], by=keeper, now=NOW)


def test_roles_are_replaced_by_exactly_these(cast, hub_operator):
    user = cast["sora.viewer"]
    people.set_roles(user, roles=[Hold("relay", "03", "LV"), Role.USAGE], by=hub_operator, now=NOW)
    assert sorted(user.grants.values_list("role", "area", "supply_class")) == [("relay", "03", "LV"), ("usage", "", "")]
    entry = LedgerEntry.objects.filter(action="roles set").first()
    assert entry.detail["before"] == [["viewer", "", ""]]


def test_an_ability_reaches_as_far_as_its_grant(cast, hub_operator):
    user = cast["sora.viewer"]
    people.set_roles(user, roles=[Hold("relay", "03", "LV")], by=hub_operator, now=NOW)
    user = cast["sora.viewer"]
    assert covers(user, Ability.SEE_RELAYS, area="03", supply_class="LV")
    assert not covers(user, Ability.SEE_RELAYS, area="06", supply_class="LV")
    assert not covers(user, Ability.SEE_RELAYS, area="03", supply_class="HV")
    inside = Participation.objects.filter(within(user, Ability.SEE_RELAYS, area="area"))
    assert set(inside.values_list("area", flat=True)) == {"03"}
    assert not Participation.objects.filter(within(user, Ability.COLLECT_USAGE, area="area")).exists()


def test_a_new_ability_asks_for_no_migration(cast, monkeypatch):
    more = TextChoices("More", [*((one.name, (one.value, one.label)) for one in Ability), ("SWIM", ("swim", "swim"))])
    monkeypatch.setattr(access, "Ability", more)
    for model in (Event, Notice):
        assert ("swim", "swim") in model._meta.get_field("ability").choices
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)  # would leave with 1


def test_suspending_and_thawing_tell_the_company(cast, hub_operator):
    user = cast["sora.relay"]
    people.suspend(user, by=hub_operator, now=NOW)
    people.suspend(user, by=hub_operator, now=NOW)
    people.thaw(user, by=hub_operator, now=NOW)
    assert list(Notice.objects.order_by("number").values_list("kind", flat=True)) == ["user_suspended", "user_thawed"]


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("UPDATE portal_company SET is_hub_operator = true", "there_is_one_hub_operator"),
        ("UPDATE portal_company SET registration_number = 'X'", "a_registration_number_is_a_and_four_digits"),
        ("UPDATE portal_participation SET code = 'abc'", "a_participant_code_has_five_characters"),
        (
            "INSERT INTO portal_participation (company_id, market_role, area, code) "
            "SELECT company_id, market_role, area, 'N0ON3' FROM portal_participation WHERE code = 'S0RA3'",
            "one_participant_code_per_company_role_and_area",
        ),
        (
            "INSERT INTO portal_participation (company_id, market_role, area, code) "
            "SELECT company_id, 'network_operator', '03', 'N0ON3' FROM portal_participation WHERE code = 'S0RA3'",
            "one_network_operator_per_area",
        ),
        (
            "INSERT INTO portal_grant (user_id, role, area, supply_class) "
            "SELECT user_id, role, area, supply_class FROM portal_grant",
            "a_role_is_granted_once_per_area_and_class",
        ),
    ],
)
def test_the_database_itself_refuses(cast, statement, name):
    cast["sora.relay"]
    with pytest.raises(IntegrityError, match=name), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("statement", ["UPDATE portal_ledgerentry SET action = 'x'", "DELETE FROM portal_ledgerentry"])
def test_evidence_cannot_be_changed_or_removed(cast, statement):
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_remove_one_another_at_the_same_time():
    cast = the_cast.gather()
    one = cast["sora.administrator"]
    two = the_cast.person(cast.sora, "sora.second", roles=[Role.ADMINISTRATOR])
    start, refused = threading.Barrier(2), []

    def suspend(user, by):
        start.wait()
        try:
            people.suspend(user, by=by, now=NOW)
        except people.LastAdministrator as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=suspend, args=pair) for pair in ((one, two), (two, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert User.objects.filter(company=cast.sora, is_active=True, grants__role="administrator").count() == 1
