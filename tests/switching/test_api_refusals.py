"""Refusals of cases that no story comes across: each with its code, its status and the entry it is about."""

from datetime import date, timedelta

import pytest

from metering import inquiries
from portal.models import Over
from portal.people import Hold
from switching import disclosures
from switching.models import Disclosure
from tests import calling
from tests.cast import NOW, lay_calendar, make_points
from tests.metering.api_rows_asking import consent_of
from tests.switching.cases import ITEMS, Play
from tests.switching.test_api_story import explained, relay_of, start_of
from tests.switching.test_registration_queue import quota

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def house(cast):
    lay_calendar()
    return make_points(cast, 1)[0]


def refused(answer, status, code):
    said = answer.json()
    assert (answer.status_code, said.get("code")) == (status, code), said
    return said


def asked(cast, point, who):
    inquiries.inquire(
        number=point.number,
        supply_class="LV",
        consent=consent_of(cast, f"{who}.inquiry"),
        by=cast[f"{who}.inquiry"],
        now=NOW,
    )


def explanation(point, **changes):
    return {"point": point.number, "acknowledged": [1], "channel": "web", "explained_on": "2026-04-01", **changes}


def test_a_start_where_the_company_supplies_already(cast, house) -> None:
    asked(cast, house, "umi")
    umi = calling.caller(cast, "umi", "application")
    refused(umi.post("/applications", start_of(house)), 409, "applications.already_ours")


def test_nothing_is_explained_before_a_list_is_published(cast, house) -> None:
    asked(cast, house, "sora")
    sora = calling.caller(cast, "sora", "relay")
    refused(sora.post("/disclosures", explanation(house)), 409, "disclosures.not_possible")


def test_an_explanation_is_of_today_or_before(cast, house) -> None:
    disclosures.publish_version(ITEMS, valid_from=date(2016, 3, 1), by=None, now=NOW)
    asked(cast, house, "sora")
    sora = calling.caller(cast, "sora", "relay")
    said = refused(
        sora.post("/disclosures", explanation(house, explained_on="2026-04-02")), 422, "disclosures.explained_in_future"
    )
    assert said["errors"][0]["pointer"] == "/explained_on" and not Disclosure.objects.exists()


def test_an_explanation_stays_inside_the_areas_of_the_role(cast, house) -> None:
    play = Play(cast, NOW)
    play.disclosure(house)
    clerk = calling.caller(cast, "sora", Hold("relay", "06", ""))
    version = Disclosure.objects.get().version
    with pytest.raises(disclosures.NotYours):
        disclosures.record(
            point=house,
            version=version,
            acknowledged=set(version.items.values_list("pk", flat=True)),
            channel="web",
            explained_on=NOW.date() - timedelta(days=1),
            by=clerk.client.user,
            now=NOW,
        )


def test_who_guessed_too_often_is_told_to_call_and_not_to_come_again(cast, house, settings) -> None:
    settings.IDENTITY_REJECTIONS_PER_COMPANY = 3
    play = Play(cast, NOW)
    for _each in range(3):
        play.rejected(play.point(), 2)
    sora = calling.caller(cast, "sora", "inquiry", "relay")
    explained(sora, house)
    answer = sora.post("/relays", relay_of(house))
    said = refused(answer, 409, "relays.throttled_company")
    assert "Retry-After" not in answer and "helpdesk" in said["what_to_do"]


def test_a_quota_that_is_spent_begins_anew_at_midnight(cast, house) -> None:
    disclosures.publish_version(ITEMS, valid_from=date(2016, 3, 1), by=None, now=NOW)
    quota(cast, 0, over=Over.REFUSE)
    sora = calling.caller(cast, "sora", "inquiry", "relay")
    explained(sora, house)
    answer = sora.post("/relays", relay_of(house))
    refused(answer, 429, "relays.quota_spent")
    assert answer["Retry-After"] == str(14 * 3600), "it is ten in the morning"
