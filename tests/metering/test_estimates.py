"""Estimates are proposed, confirmed, kept with what they rest on, and travel as a correction."""

from datetime import timedelta

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.urls import reverse

from metering import estimates, registers, usage
from metering.estimation import Method
from metering.halfhours import NULL, Quality
from metering.models import Estimate, Gap, PublishedFile
from metering.publication import publish_day
from metering.registers import Reading
from metering.views.estimates import METHODS, WORD_OF
from portal.models import LedgerEntry
from tests.cast import NOW, client_of, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver, table_of

ONE_DAY = timedelta(days=1)


@pytest.fixture
def house(cast):
    return make_points(cast, 1)[0]


def flat(wh: int = 500) -> np.ndarray:
    return np.full((1, 48), wh, np.int32)


def bring(cast, point, day=DAY, values=None, now=NOW):
    return deliver(cast, csv_of(block_of([point], day, values=flat() if values is None else values)), now=now)


def short(slots: slice) -> np.ndarray:
    values = flat()
    values[0, slots] = NULL
    return values


def make(cast, point, first=DAY, last=DAY, *, now=NOW, **more) -> Estimate:
    by = cast["kaze.usage"]
    proposal = estimates.propose(point, first, last, by=by, now=now)
    return estimates.make(
        point, first, last, fingerprint=proposal.fingerprint, reason="no radio", by=by, now=now, **more
    )


def test_a_short_gap_becomes_a_revision_with_its_quality_and_its_history_kept(cast, house):
    bring(cast, house, values=short(slice(10, 13)))
    made = make(cast, house)
    [day] = usage.days(house, DAY, DAY)
    assert day.revision == 1 and day.values == [500] * 48
    assert day.quality[9:14] == [Quality.MEASURED] + [Quality.INTERPOLATED] * 3 + [Quality.MEASURED]
    [kept] = made.days
    assert kept["before"][9:14] == [500, None, None, None, 500] and kept["after"] == [500] * 48
    assert kept["quality"] == "M" * 10 + "III" + "M" * 35
    assert made.slots == 3 and made.inputs[0]["runs"][0]["method"] == "line"
    entry = LedgerEntry.objects.get(action="usage estimated")
    assert entry.detail["methods"] == ["line"] and entry.user == cast["kaze.usage"]


def test_a_day_without_a_row_is_estimated_to_its_registers(cast, house):
    for back in (1, 2, 3, 6):
        bring(cast, house, DAY - back * ONE_DAY, flat(100 * back))
    registers.record([Reading(house.pk, "", DAY, 0), Reading(house.pk, "", DAY + ONE_DAY, 30_000)], now=NOW)
    made = make(cast, house)
    [day] = usage.days(house, DAY, DAY)
    assert day.wh == 30_000 and set(day.quality) == {Quality.REFERENCE_DAY} and day.revision == 0
    assert made.inputs[0]["registers"] == [{"start": 0, "stop": 48, "wh": 30_000}]
    assert made.inputs[0]["runs"][0]["method"] == "reference_days"


def test_readings_farther_away_count_less_what_was_measured_between(cast, house):
    for back in (1, 2):
        bring(cast, house, DAY - back * ONE_DAY, flat(500))
    registers.record(
        [Reading(house.pk, "", DAY - 2 * ONE_DAY, 0), Reading(house.pk, "", DAY + ONE_DAY, 48_000 + 9_600)], now=NOW
    )
    make(cast, house)
    [day] = usage.days(house, DAY, DAY)
    assert day.wh == 9_600


def test_without_history_the_profile_of_the_area_serves(cast, house):
    others = make_points(cast, 3)
    deliver(cast, csv_of(block_of(others, values=np.concatenate([flat(100), flat(200), flat(600)]))))
    made = make(cast, house)
    [day] = usage.days(house, DAY, DAY)
    assert day.values == [300] * 48 and set(day.quality) == {Quality.PROFILE}
    assert made.inputs[0]["runs"][0]["method"] == "profile"


def test_where_nothing_can_be_said_values_are_entered_by_hand(cast, house):
    with pytest.raises(estimates.NoWay):
        make(cast, house)
    by_hand = {("", DAY, slot): 10 * slot for slot in range(1, 49)}
    numbers = {meter.number for meter in house.meters.all()}
    by_hand = {(next(iter(numbers), ""), day, slot): wh for (_, day, slot), wh in by_hand.items()}
    make(cast, house, by_hand=by_hand, hand_quality=Quality.AGREED)
    [day] = usage.days(house, DAY, DAY)
    assert day.values == [10 * slot for slot in range(1, 49)] and set(day.quality) == {Quality.AGREED}


def test_a_value_by_hand_stands_over_the_proposal_and_never_over_a_measured_one(cast, house):
    bring(cast, house, values=short(slice(10, 13)))
    with pytest.raises(estimates.BadValue):
        make(cast, house, by_hand={("", DAY, 1): 700})
    with pytest.raises(estimates.BadValue):
        make(cast, house, by_hand={("", DAY, 11): 705})  # steps of 10
    assert not Estimate.objects.exists()
    make(cast, house, by_hand={("", DAY, 12): 700})
    [day] = usage.days(house, DAY, DAY)
    assert day.values[10:13] == [500, 700, 500]
    assert day.quality[10:13] == [Quality.INTERPOLATED, Quality.EDITED, Quality.INTERPOLATED]


def test_measured_values_that_come_later_replace_an_estimate(cast, house):
    bring(cast, house, values=short(slice(10, 13)))
    make(cast, house)
    bring(cast, house, values=flat(400), now=NOW + timedelta(hours=1))
    [day] = usage.days(house, DAY, DAY)
    assert day.values == [400] * 48 and set(day.quality) == {Quality.MEASURED} and day.revision == 2


def test_an_estimate_is_published_as_a_correction_with_its_letters(cast, house):
    bring(cast, house, values=short(slice(10, 13)))
    publish_day(DAY, now=NOW)
    make(cast, house)
    again = publish_day(DAY, now=NOW)
    assert again.revision == 1
    file = PublishedFile.objects.get(publication=again, format="wide_csv", recipient=cast.umi)
    with file.content.open("rb") as stream:
        assert list(table_of(stream.read()).values()) == [[500] * 48]


def test_an_estimated_gap_closes(cast, house):
    bring(cast, house, DAY - ONE_DAY)
    gap = Gap.objects.create(point=house, during=DateRange(DAY, DAY + ONE_DAY), opened_at=NOW)
    made = make(cast, house, gap=gap)
    gap.refresh_from_db()
    assert gap.state == Gap.State.ARRIVED and gap.closed_at == NOW and made.gap == gap


def test_what_came_in_meanwhile_is_not_written_over(cast, house):
    bring(cast, house, values=short(slice(10, 13)))
    by = cast["kaze.usage"]
    proposal = estimates.propose(house, DAY, DAY, by=by, now=NOW)
    bring(cast, house, values=short(slice(10, 12)), now=NOW + timedelta(hours=1))
    with pytest.raises(estimates.Overtaken):
        estimates.make(house, DAY, DAY, fingerprint=proposal.fingerprint, reason="x", by=by, now=NOW)


def test_equal_estimates_can_be_made_again_after_a_correction(cast, house):
    bring(cast, house, values=short(slice(10, 13)))
    make(cast, house)
    bring(cast, house, values=short(slice(10, 14)), now=NOW + timedelta(hours=1))
    make(cast, house, now=NOW + timedelta(hours=2))
    bring(cast, house, values=short(slice(10, 12)), now=NOW + timedelta(hours=3))
    make(cast, house, now=NOW + timedelta(hours=4))
    [day] = usage.days(house, DAY, DAY)
    assert day.values == [500] * 48 and day.revision == 5


@pytest.mark.parametrize(
    ("first", "last", "refusal"),
    [
        (DAY, DAY - ONE_DAY, estimates.DaysNotPast),
        (DAY, DAY + ONE_DAY, estimates.DaysNotPast),
        (DAY - 31 * ONE_DAY, DAY, estimates.TooManyDays),
        (DAY - ONE_DAY, DAY - ONE_DAY, estimates.NothingMissing),
    ],
)
def test_days_that_cannot_be_estimated_are_refused(cast, house, first, last, refusal):
    bring(cast, house, DAY - ONE_DAY)
    with pytest.raises(refusal) as refused:
        estimates.propose(house, first, last, by=cast["kaze.usage"], now=NOW)
    assert len(str(refused.value)) > 20


def test_only_the_points_network_operator_estimates(cast, house):
    bring(cast, house, values=short(slice(10, 13)))
    for username in ("umi.usage", "kaze.viewer", "hub.operator"):
        with pytest.raises(estimates.NotYours):
            estimates.propose(house, DAY, DAY, by=cast[username], now=NOW)


def test_a_reason_is_needed(cast, house):
    with pytest.raises(estimates.WordsMissing):
        estimates.make(house, DAY, DAY, fingerprint="", reason=" ", by=cast["kaze.usage"], now=NOW)


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"last_day": DAY - ONE_DAY}, "an_estimate_ends_after_it_begins"),
        ({"slots": 0}, "an_estimate_estimates_something"),
        ({"reason": ""}, "an_estimate_has_a_reason"),
    ],
)
def test_the_database_refuses_an_estimate_that_cannot_be(cast, house, wrong, constraint):
    values = {
        "point": house,
        "first_day": DAY,
        "last_day": DAY,
        "file": bring(cast, house),
        "inputs": [],
        "days": [],
        "slots": 1,
        "reason": "x",
        "made_by": cast["kaze.usage"],
        "made_at": NOW,
    }
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Estimate.objects.create(**{**values, **wrong})


def test_an_estimate_is_never_changed_or_removed(cast, house):
    bring(cast, house, values=short(slice(10, 13)))
    made = make(cast, house)
    for deed in (lambda: Estimate.objects.update(reason="other"), made.delete):
        with pytest.raises(Exception, match=r"[Cc]annot (update|delete)"), transaction.atomic():
            deed()


def test_who_sees_an_estimate(cast, house):
    bring(cast, house, values=short(slice(10, 13)))
    make(cast, house)
    seen = {
        name: Estimate.objects.visible_to(cast[name]).count()
        for name in ("kaze.usage", "umi.usage", "sora.usage", "hub.auditor", "umi.relay")
    }
    assert seen == {"kaze.usage": 1, "umi.usage": 1, "sora.usage": 0, "hub.auditor": 1, "umi.relay": 0}


# Pages


def address(point, first=DAY, last=DAY) -> str:
    return reverse("metering:estimate-new", args=[point.number, first, last])


def test_from_the_gap_to_the_estimate_in_force(cast, house):
    bring(cast, house, DAY - ONE_DAY)
    gap = Gap.objects.create(point=house, during=DateRange(DAY, DAY + ONE_DAY), opened_at=NOW)
    client = client_of(cast["kaze.usage"])
    assert address(house) in client.get(reverse("metering:gap", args=[gap.pk])).content.decode()
    page = client.get(address(house))
    form = page.context["form"]
    fields = {"fingerprint": page.context["fingerprint"], "reason": "no radio", "hand_quality": int(Quality.AGREED)}
    name = page.context["meters"][0]["days"][0]["cells"][5]["name"]
    assert form is not None and f'name="{name}"' in page.content.decode()
    refused = client.post(address(house), {**fields, name: "much"})
    assert refused.status_code == 422 and not Estimate.objects.exists()
    done = client.post(address(house), {**fields, name: "0.25"})
    made = Estimate.objects.get()
    assert done.url == reverse("metering:estimate", args=[made.pk]) and made.gap == gap
    [day] = usage.days(house, DAY, DAY)
    assert day.values[5] == 250 and day.quality[5] == Quality.AGREED and day.quality[6] == Quality.REFERENCE_DAY
    for shown in (page, client.get(done.url)):
        assert shown.status_code == 200 and "usage.css" in shown.content.decode(), "charts are styled"
    assert LedgerEntry.objects.filter(action="usage read", purpose="estimate").exists()


def test_a_stale_proposal_is_shown_anew(cast, house):
    bring(cast, house, values=short(slice(10, 13)))
    client = client_of(cast["kaze.usage"])
    answer = client.post(address(house), {"fingerprint": "stale", "reason": "x", "hand_quality": 5})
    assert answer.status_code == 422
    assert answer.context["fingerprint"] in answer.content.decode() and answer.context["fingerprint"] != "stale"


def test_a_page_without_anything_missing_says_so(cast, house):
    bring(cast, house)
    page = client_of(cast["kaze.usage"]).get(address(house))
    assert page.status_code == 200 and 'role="alert"' in page.content.decode()


def test_a_retailer_sees_only_the_days_it_supplies(cast, house):
    bring(cast, house, values=short(slice(10, 13)))
    made = make(cast, house)
    page = client_of(cast["umi.usage"]).get(reverse("metering:estimate", args=[made.pk]))
    assert len(page.context["days"]) == 1 and page.context["runs"] == []
    assert "kaze.usage" not in page.content.decode()


def test_method_words_and_qualities_are_complete():
    assert set(METHODS) == {method.value for method in Method} and set(WORD_OF) == set(Quality)
