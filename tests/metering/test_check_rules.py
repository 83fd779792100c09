"""What the checks of usage result in: defaults of the notes, rules by area and class from a day on, two operators."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import translation

from metering import check_rules
from metering.check_rules import SCOPES
from metering.models import CheckRule
from metering.vee import RANK, VEE, Severity
from portal import four_eyes
from portal.models import LedgerEntry, Proposal, User
from portal.workdays import jst_date
from tests.cast import NOW, client_of
from tests.portal.newcomers import second_operator

TODAY = jst_date(NOW)


def propose(cast, check="V05", severity="alert", *, from_day=TODAY, **more):
    return check_rules.propose(
        check=check,
        severity=severity,
        effective_from=from_day,
        why="winter test",
        by=cast["hub.operator"],
        now=NOW,
        **more,
    )


def second_of(cast):
    return User.objects.filter(username="hub.second").first() or second_operator(cast)


def settle(cast, *args, **more) -> CheckRule:
    four_eyes.confirm(propose(cast, *args, **more), by=second_of(cast), now=NOW)
    return CheckRule.objects.latest("pk")


def test_without_any_rule_the_defaults_of_the_notes_hold(db):
    rules = check_rules.on(TODAY)
    assert rules.setting("V05").severity == Severity.WARNING and rules.setting("V05").thresholds == {"factor": 1.5}
    assert rules.setting("V06").thresholds["percent"] == 180
    assert rules.setting("V10").thresholds["sigma"] == 3
    assert rules.setting("V13").thresholds == {"days": 3} and rules.setting("V13").severity == Severity.ALERT
    assert rules.setting("V01").severity == Severity.QUARANTINE
    assert set(rules.severities("V04").tolist()) == {RANK[Severity.ERROR]}


def test_the_rule_of_an_area_and_class_goes_before_wider_ones(cast):
    settle(cast, severity="info")
    settle(cast, severity="alert", area="03")
    settle(cast, severity="off", area="03", supply_class="HV")
    settle(cast, severity="error", supply_class="HV")
    rules = check_rules.on(TODAY)
    found = {scope: Severity(list(RANK)[rank]) for scope, rank in zip(SCOPES, rules.severities("V05"), strict=True)}
    assert found["03", "LV"] == "alert" and found["03", "HV"] == "off"
    assert found["06", "HV"] == "error" and found["06", "LV"] == "info"


def test_a_rule_holds_from_its_day_and_the_later_one_of_a_day_wins(cast):
    tomorrow = TODAY + timedelta(days=1)
    settle(cast, from_day=tomorrow, thresholds={"factor": 2.5})
    assert check_rules.on(TODAY).setting("V05").thresholds == {"factor": 1.5}
    assert check_rules.on(tomorrow).figures("V05", "factor").tolist() == [2.5] * len(SCOPES)
    assert [rule.effective_from for rule in check_rules.coming(TODAY)] == [tomorrow]
    settle(cast, from_day=tomorrow, thresholds={"factor": 3})
    assert check_rules.on(tomorrow).setting("V05").thresholds == {"factor": 3}


def test_one_operator_alone_sets_nothing_and_the_ledger_names_both(cast):
    proposal = propose(cast)
    with pytest.raises(four_eyes.SecondPersonNeeded):
        four_eyes.confirm(proposal, by=cast["hub.operator"], now=NOW)
    assert not CheckRule.objects.exists()
    second = second_of(cast)
    four_eyes.confirm(proposal, by=second, now=NOW)
    entry = LedgerEntry.objects.get(action="check rule set")
    assert entry.detail["proposed_by"] == "hub.operator" and entry.user == second


def test_only_hub_operators_propose(cast):
    for username in ("kaze.usage", "hub.auditor", "sora.usage"):
        with pytest.raises(four_eyes.NotAllowed):
            check_rules.propose(check="V05", severity="off", effective_from=TODAY, why="x", by=cast[username], now=NOW)


@pytest.mark.parametrize(
    ("check", "severity", "figures", "refusal"),
    [
        ("V01", "warning", {}, check_rules.NotThisResult),
        ("V02", "off", {}, check_rules.NotThisResult),
        ("V09", "quarantine", {}, check_rules.NotThisResult),
        ("V05", "alert", {"sigma": 3}, check_rules.BadFigure),
        ("V05", "alert", {"factor": 0}, check_rules.BadFigure),
        ("V05", "alert", {"factor": "much"}, check_rules.BadFigure),
        ("V05", "alert", {"factor": float("nan")}, check_rules.BadFigure),
    ],
)
def test_what_a_check_cannot_be_is_refused_in_a_sentence(cast, check, severity, figures, refusal):
    with pytest.raises(refusal) as refused:
        propose(cast, check, severity, thresholds=figures)
    assert len(str(refused.value)) > 20
    assert not Proposal.objects.exists()


def test_a_rule_never_holds_backwards_not_even_when_confirmed_late(cast):
    with pytest.raises(check_rules.DayHasPassed):
        propose(cast, from_day=TODAY - timedelta(days=1))
    proposal = propose(cast)
    with pytest.raises(check_rules.DayHasPassed):
        four_eyes.confirm(proposal, by=second_of(cast), now=NOW + timedelta(days=1))
    assert not CheckRule.objects.exists()


def test_a_rule_needs_a_reason(cast):
    with pytest.raises(check_rules.WhyMissing):
        check_rules.propose(
            check="V05", severity="off", effective_from=TODAY, why=" ", by=cast["hub.operator"], now=NOW
        )


def raw(cast, **more):
    values = {
        "check_code": "V05",
        "severity": "alert",
        "effective_from": TODAY,
        "why": "x",
        "proposed_by": cast["hub.operator"],
        "confirmed_by": second_of(cast),
        "confirmed_at": NOW,
        **more,
    }
    return CheckRule(**values)


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"check_code": "V99"}, "a_check_rule_is_about_a_known_check"),
        ({"check_code": "V01", "severity": "info"}, "what_cannot_be_stored_is_always_kept_out"),
        ({"check_code": "V09", "severity": "quarantine"}, "what_is_stored_is_not_put_into_quarantine"),
        ({"why": ""}, "a_check_rule_has_a_reason"),
    ],
)
def test_the_database_refuses_a_rule_that_cannot_be(cast, wrong, constraint):
    rule = raw(cast, **wrong)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        rule.save()


def test_the_database_wants_two_operators(cast):
    rule = raw(cast, confirmed_by=cast["hub.operator"])
    with pytest.raises(IntegrityError, match="a_check_rule_is_set_by_two_operators"), transaction.atomic():
        rule.save()


def test_a_rule_is_never_changed_or_removed(cast):
    rule = settle(cast)
    for deed in (lambda: CheckRule.objects.update(severity="off"), rule.delete):
        with pytest.raises(Exception, match=r"[Cc]annot (update|delete)"), transaction.atomic():
            deed()


def test_an_operator_proposes_in_the_workbench_and_is_told_what_is_wrong(cast):
    client = client_of(cast["hub.operator"])
    url = reverse("admin:metering_checkrule_add")
    entered = {
        "check_code": "V06",
        "area": "03",
        "supply_class": "LV",
        "severity": "alert",
        "figure_percent": "250",
        "effective_from": (TODAY + timedelta(days=400)).isoformat(),
        "why": "heat pumps",
    }
    with translation.override("en"):
        refused = client.post(url, {**entered, "figure_sigma": "3"}, headers={"accept-language": "en"})
        assert refused.status_code == 200 and "no figure" in refused.content.decode()
    done = client.post(url, entered)
    proposal = Proposal.objects.get()
    assert done.status_code == 302 and done.url == reverse("admin:portal_proposal_change", args=[proposal.pk])
    assert proposal.payload["thresholds"] == {"percent": 250}
    assert client.get(done.url).status_code == 200
    assert not CheckRule.objects.exists()


def test_retailers_and_network_operators_read_which_checks_apply(cast):
    settle(cast, "V10", "alert", area="03", thresholds={"sigma": 4})
    settle(cast, "V13", "info", from_day=TODAY + timedelta(days=4000))
    for username in ("umi.usage", "kaze.usage", "hub.auditor"):
        answer = client_of(cast[username]).get(reverse("metering:check-rules"))
        page = answer.content.decode()
        assert all(code in page for code in VEE) and "winter test" in page
        assert (len(answer.context["own"]), len(answer.context["coming"])) == (1, 1)
    then = client_of(cast["umi.usage"]).get(reverse("metering:check-rules"), {"day": "2026-03-01"})
    assert (len(then.context["own"]), len(then.context["coming"])) == (0, 2)
    wrong = client_of(cast["umi.usage"]).get(reverse("metering:check-rules"), {"day": "yesterday"})
    assert "is-invalid" in wrong.content.decode()
