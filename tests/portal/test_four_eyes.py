"""What one operator proposes another one confirms; the database holds to it, too."""

import pytest
from django.db import IntegrityError, transaction

from portal import four_eyes, onboarding, people
from portal.access import Role
from portal.models import LedgerEntry, Proposal, User
from portal.people import Hold
from tests.cast import NOW, client_of
from tests.portal.newcomers import second_operator


def roles_of(user: User) -> set[str]:
    return set(user.grants.values_list("role", flat=True))


@pytest.fixture
def proposal(cast, sora_relay) -> Proposal:
    return onboarding.propose_role(sora_relay, role=Role.ADMINISTRATOR, by=cast["hub.operator"], now=NOW)


def test_an_operator_alone_makes_nobody_an_administrator(cast, sora_relay, hub_operator):
    with pytest.raises(people.SecondOperatorNeeded):
        people.set_roles(sora_relay, roles=[Role.RELAY, Role.ADMINISTRATOR], by=hub_operator, now=NOW)
    with pytest.raises(people.SecondOperatorNeeded):
        people.set_roles(sora_relay, roles=[Role.ADMINISTRATOR], second=hub_operator, by=hub_operator, now=NOW)
    with pytest.raises(people.SecondOperatorNeeded):
        people.set_roles(sora_relay, roles=[Role.ADMINISTRATOR], second=sora_relay, by=hub_operator, now=NOW)
    with pytest.raises(people.SecondOperatorNeeded):
        people.register(
            company=cast.sora, username="sora.neu", name="x", roles=[Role.ADMINISTRATOR], by=hub_operator, now=NOW
        )
    with pytest.raises(people.SecondOperatorNeeded):
        people.set_roles(cast["hub.helpdesk"], roles=[Role.HELPDESK, Role.OPERATOR], by=hub_operator, now=NOW)
    assert roles_of(sora_relay) == {"relay"} and not User.objects.filter(username="sora.neu").exists()


def test_the_own_administrator_needs_no_second_person(cast, sora_relay):
    people.set_roles(sora_relay, roles=[Role.ADMINISTRATOR], by=cast["sora.administrator"], now=NOW)
    assert roles_of(sora_relay) == {"administrator"}


def test_other_roles_take_one_operator(sora_relay, hub_operator):
    people.set_roles(sora_relay, roles=[Hold(Role.INQUIRY, "03")], by=hub_operator, now=NOW)
    assert roles_of(sora_relay) == {"inquiry"}


def test_confirmed_by_another_operator_it_is_done_and_both_stand_in_the_ledger(cast, proposal, sora_relay):
    second = second_operator(cast)
    assert roles_of(sora_relay) == {"relay"}, "a proposal alone does nothing"
    four_eyes.confirm(proposal, by=second, now=NOW)
    assert roles_of(sora_relay) == {"relay", "administrator"}
    rows = LedgerEntry.objects.filter(subject="user sora.relay").order_by("id").values_list("action", "user__username")
    assert list(rows)[-3:] == [
        ("act proposed", "hub.operator"),
        ("proposal confirmed", "hub.second"),
        ("roles set", "hub.second"),
    ]


def test_nobody_confirms_the_own_proposal(cast, proposal, sora_relay, hub_operator):
    with pytest.raises(four_eyes.SecondPersonNeeded):
        four_eyes.confirm(proposal, by=hub_operator, now=NOW)
    with pytest.raises(IntegrityError, match="nobody_confirms_the_own_proposal"), transaction.atomic():
        Proposal.objects.update(state="confirmed", answered_by=hub_operator, answered_at=NOW)
    with pytest.raises(IntegrityError, match="an_answered_proposal_has_a_person"), transaction.atomic():
        Proposal.objects.update(state="confirmed")
    assert roles_of(sora_relay) == {"relay"}


@pytest.mark.parametrize("who", ["hub.helpdesk", "hub.auditor", "hub.administrator", "sora.administrator"])
def test_only_operators_propose_and_answer(cast, proposal, sora_relay, who):
    for deed in (
        lambda: four_eyes.confirm(proposal, by=cast[who], now=NOW),
        lambda: four_eyes.decline(proposal, reason="no", by=cast[who], now=NOW),
        lambda: onboarding.propose_role(cast["sora.viewer"], role=Role.ADMINISTRATOR, by=cast[who], now=NOW),
    ):
        with pytest.raises(four_eyes.NotAllowed):
            deed()


def test_one_proposal_at_a_time_and_one_answer_each(cast, proposal, sora_relay, hub_operator):
    with pytest.raises(four_eyes.AlreadyProposed):
        onboarding.propose_role(sora_relay, role=Role.ADMINISTRATOR, by=hub_operator, now=NOW)
    with pytest.raises(four_eyes.ReasonMissing):
        four_eyes.decline(proposal, reason="  ", by=hub_operator, now=NOW)
    four_eyes.decline(proposal, reason="entered by mistake", by=hub_operator, now=NOW)
    with pytest.raises(four_eyes.AlreadyAnswered):
        four_eyes.confirm(proposal, by=second_operator(cast), now=NOW)
    assert onboarding.propose_role(sora_relay, role=Role.ADMINISTRATOR, by=hub_operator, now=NOW).state == "waiting"


def test_a_hub_role_is_not_proposed_for_a_retailers_person(sora_relay, hub_operator):
    with pytest.raises(people.RoleNotForCompany):
        onboarding.propose_role(sora_relay, role=Role.OPERATOR, by=hub_operator, now=NOW)


def test_what_the_act_refuses_leaves_the_proposal_waiting(cast, proposal, sora_relay, hub_operator):
    people.set_roles(hub_operator, roles=[Role.HELPDESK], by=None, now=NOW)
    with pytest.raises(people.SecondOperatorNeeded):
        four_eyes.confirm(proposal, by=second_operator(cast), now=NOW)
    proposal.refresh_from_db()
    assert proposal.state == "waiting" and roles_of(sora_relay) == {"relay"}


def test_in_the_workbench(cast, sora_relay, hub_operator):
    first, second = client_of(hub_operator), client_of(second_operator(cast))
    data = {"action": "propose_administrator", "_selected_action": [sora_relay.pk]}
    assert "1件を処理しました" in first.post("/workbench/portal/user/", data, follow=True).content.decode()
    proposal = Proposal.objects.get()
    url = f"/workbench/portal/proposal/{proposal.pk}/change/"
    page = first.get(url).content.decode()
    assert "別のオペレータだけ" in page and 'value="confirm"' not in page
    assert "別のオペレータだけ" in first.post(url, {"deed": "confirm"}).content.decode()
    assert client_of(cast["hub.auditor"]).get(url).status_code == 200
    assert client_of(cast["hub.auditor"]).post(url, {"deed": "confirm"}).status_code == 403
    assert second.post(url, {"deed": "decline", "reason": ""}).status_code == 422
    assert "確認する提案" in second.get("/").content.decode() and "確認する提案" not in first.get("/").content.decode()
    assert "実行しました" in second.post(url, {"deed": "confirm"}, follow=True).content.decode()
    assert "administrator" in roles_of(sora_relay)
    assert second.post(url, {"deed": "confirm"}).status_code == 422
    assert second.get("/workbench/portal/proposal/").status_code == 200
    assert second.get("/workbench/portal/proposal/no-number/change/").status_code == 404
