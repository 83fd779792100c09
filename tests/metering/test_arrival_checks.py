"""Checks on arrival follow the rules in force; what they notice is kept as findings with figures."""

from datetime import timedelta

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from metering import check_rules, findings
from metering.finding_words import sentence
from metering.halfhours import NULL
from metering.models import CheckFinding, CheckRule
from metering.vee import RANK, Severity
from portal import four_eyes
from portal.models import User
from portal.workdays import jst_date
from tests.cast import NOW, client_of, make_points
from tests.metering.delivering import DAY, block_of, counts, csv_of, deliver, figures, reasons
from tests.portal.newcomers import second_operator


def rule(cast, check, severity, *, area="", supply_class="", **figures_of) -> CheckRule:
    proposal = check_rules.propose(
        check=check,
        severity=severity,
        area=area,
        supply_class=supply_class,
        thresholds=figures_of,
        effective_from=jst_date(NOW),
        why="test",
        by=cast["hub.operator"],
        now=NOW,
    )
    second = User.objects.filter(username="hub.second").first() or second_operator(cast)
    four_eyes.confirm(proposal, by=second, now=NOW)
    return CheckRule.objects.latest("pk")


def flat(count: int, wh: int = 500) -> np.ndarray:
    return np.full((count, 48), wh, np.int32)


def found() -> list[tuple[str, str]]:
    return list(CheckFinding.objects.order_by("id").values_list("check_code", "kind"))


def test_a_spike_is_what_stands_far_above_the_third_highest(cast):
    values = flat(5)
    values[0, 20] = 1410  # 182 %
    values[1, 20] = 1400  # exactly 180 %
    values[2, 20:23] = 2000  # three of them are no spike
    values[3, 20:22] = 2000  # two are
    values[4] = NULL
    values[4, :2] = 2000  # only two values at all
    file = deliver(cast, csv_of(block_of(make_points(cast, 5), values=values)))
    assert file.warnings["spike"]["rows"] == 2 and counts(file) == (5, 5, 0, 0)
    first = CheckFinding.objects.filter(kind="spike").order_by("id").first()
    assert first.numbers == {"slot": 21, "wh": 1410, "third_wh": 500}
    assert "1.41" in sentence(first) and "21" in sentence(first)


def test_small_figures_are_no_spike(cast):
    values = flat(1, 10)
    values[0, 20] = 990
    assert "spike" not in deliver(cast, csv_of(block_of(make_points(cast, 1), values=values))).warnings


def test_a_check_turned_to_error_refuses_only_where_its_rule_holds(cast):
    rule(cast, "V05", "error", area="03", supply_class="LV", factor=0.5)
    here, there = make_points(cast, 1)[0], make_points(cast, 1, area="06")[0]
    values = flat(2, 1500)  # 40 A: 2,000 Wh in half an hour
    file = deliver(cast, csv_of(block_of([here, there], values=values)))
    assert reasons(file) == [(2, "above_contract")]
    assert counts(file) == (2, 1, 0, 1)


def test_a_negative_value_that_is_let_in_is_stored_and_found(cast):
    rule(cast, "V04", "alert")
    values = flat(1)
    values[0, 4] = -10
    file = deliver(cast, csv_of(block_of(make_points(cast, 1), values=values)))
    assert counts(file) == (1, 1, 0, 0) and file.warnings["negative"]["severity"] == RANK[Severity.ALERT]
    [finding] = CheckFinding.objects.all()
    assert (finding.check_code, finding.severity, finding.numbers) == ("V04", "alert", {"slot": 5, "wh": -10})


def test_a_check_that_is_off_neither_counts_nor_finds(cast):
    for check in ("V03", "V06", "V11"):
        rule(cast, check, "off")
    values = flat(1)
    values[0, 5], values[0, 6] = 5001, NULL
    rule(cast, "V05", "off")
    file = deliver(cast, csv_of(block_of(make_points(cast, 1), values=values)))
    assert file.warnings == {} and found() == []


def test_gaps_may_be_made_errors_and_are_kept_out(cast):
    rule(cast, "V03", "quarantine", supply_class="LV")
    values = flat(2)
    values[0, 7] = NULL
    now = NOW.replace(hour=3)
    file = deliver(cast, csv_of(block_of(make_points(cast, 2), values=values)), now=now)
    assert reasons(file) == [(2, "gaps")] and file.rows_taken == 1


def test_rows_known_already_are_not_found_twice(cast):
    points, values = make_points(cast, 2), flat(2)
    values[:, 3] = 505
    deliver(cast, csv_of(block_of(points, values=values)))
    values[1, 4] = 510
    deliver(cast, csv_of(block_of(points, values=values)), now=NOW + timedelta(hours=1))
    assert found() == [("V11", "resolution")] * 3


def test_who_sees_a_finding(cast):
    values = flat(1)
    values[0, 3] = 505
    deliver(cast, csv_of(block_of(make_points(cast, 1), values=values)))
    seen = {
        name: CheckFinding.objects.visible_to(cast[name]).count()
        for name in ("kaze.usage", "umi.usage", "sora.usage", "yama.usage", "hub.auditor", "umi.relay")
    }
    assert seen == {
        "kaze.usage": 1,
        "umi.usage": 1,
        "sora.usage": 0,
        "yama.usage": 0,
        "hub.auditor": 1,
        "umi.relay": 0,
    }


def test_the_list_filters_and_comes_as_csv(cast):
    values = flat(2)
    values[:, 3] = 505
    points = make_points(cast, 2)
    deliver(cast, csv_of(block_of(points, values=values)))
    client = client_of(cast["kaze.usage"])
    page = client.get("/usage-findings/", {"check": "V11", "point": points[0].number}).content.decode()
    assert page.count("0.505") == 1 and "V11" in page
    assert "0.505" not in client.get("/usage-findings/", {"check": "V05"}).content.decode()
    lines = b"".join(client.get("/usage-findings/", {"format": "csv"}).streaming_content).decode().splitlines()
    assert len(lines) == 3
    file_page = client.get(f"/usage-files/{CheckFinding.objects.first().file_id}/").content.decode()
    assert "check=V11" in file_page


def test_the_list_costs_the_same_with_three_and_six_findings(cast):
    counts_of = []
    for _ in range(2):
        values = flat(3)
        values[:, 3] = 505
        deliver(cast, csv_of(block_of(make_points(cast, 3), values=values)))
        client = client_of(cast["umi.usage"])
        client.get("/usage-findings/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/usage-findings/")
        counts_of.append(len(queries))
    assert counts_of[0] == counts_of[1]


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"severity": "off"}, "a_check_that_is_off_finds_nothing"),
        ({"replaced_at": NOW - timedelta(days=1)}, "a_finding_is_replaced_after_it_was_found"),
    ],
)
def test_the_database_refuses_a_finding_that_cannot_be(cast, wrong, constraint):
    values = {"check_code": "V05", "kind": "spike", "severity": "info", "network_operator": cast.kaze, "day": DAY}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        CheckFinding.objects.create(**{**values, "found_at": NOW, **wrong})


def test_findings_go_when_their_days_go(cast):
    values = figures(1, gaps=False)
    values[0, 3] = 505
    deliver(cast, csv_of(block_of(make_points(cast, 1), values=values)))
    assert findings.clear(older_than=DAY) == 0
    assert findings.clear(older_than=DAY + timedelta(days=1)) == 1
