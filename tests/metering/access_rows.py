"""The metering room's rows of the access sweep."""

from datetime import timedelta
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils import timezone

from metering import access_codes, estimates, governance, usage_inquiries
from metering.halfhours import NULL
from metering.inquiries import inquire, record_consent
from metering.models import Gap, InquiryAlarm, PublishedFile, SupplyPoint
from metering.publication import publish_day
from tests.access_rows import Row
from tests.cast import NOW, Cast, make_points
from tests.metering import list_rows
from tests.metering.asking import ask_for_usage, slip
from tests.metering.delivering import DAY, block_of, csv_of, deliver, figures


def a_point_of_umi(cast: Cast) -> dict[str, Any]:
    return {"number": make_points(cast, 1)[0].number}


def an_inquiry_of_sora(cast: Cast) -> dict[str, Any]:
    [point] = make_points(cast, 1)
    user = cast["sora.inquiry"]
    consent = record_consent(
        reference="REC-1", channel="web", purpose="switch", obtained_on=NOW.date(), by=user, now=NOW
    )
    return {"pk": inquire(number=point.number, supply_class="LV", consent=consent, by=user, now=NOW).pk}


def low_voltage(cast: Cast) -> dict[str, Any]:
    return {"supply_class": "lv"}


POINTS = {
    "metering:points": Row("ability", owner="umi.viewer", one_more=a_point_of_umi),
    "metering:point": Row("ability", owner="umi.viewer", kwargs=a_point_of_umi),
    "metering:inquiries": Row("ability", owner="sora.inquiry", one_more=an_inquiry_of_sora),
    "metering:inquiry-new": Row("ability", owner="sora.inquiry"),
    "metering:inquiry-ask": Row("ability", owner="sora.inquiry", kwargs=low_voltage, shared=True),
    "metering:inquiry-candidate": Row(
        "ability", owner="sora.inquiry", kwargs=low_voltage, shared=True, method="post", data={"number": "0"}
    ),
    "metering:inquiry": Row("ability", owner="sora.inquiry", kwargs=an_inquiry_of_sora),
}


def a_usage_file_of_kaze(cast: Cast) -> dict[str, Any]:
    return {"pk": deliver(cast, csv_of(block_of(make_points(cast, 1)))).pk}


def a_published_file_of_umi(cast: Cast) -> dict[str, Any]:
    a_usage_file_of_kaze(cast)
    publish_day(DAY, now=NOW)
    return {"pk": PublishedFile.objects.filter(recipient=cast.umi).first().pk}


def a_day(cast: Cast) -> dict[str, Any]:
    return {"day": DAY}


THE_ZIP = {"file": "W41120202603310000000000.zip"}


def an_area(cast: Cast) -> dict[str, Any]:
    return {"area": "03"}


def the_area_of_a_zip_of_umi(cast: Cast) -> dict[str, Any]:
    a_published_file_of_umi(cast)
    return {"area": "03"}


COLLECTION = {
    "metering:retention": Row("ability", owner="hub.operator"),
    "metering:legacy-file-list": Row("certificate", owner="umi.usage", kwargs=an_area, shared=True),
    "metering:legacy-file": Row("certificate", owner="umi.usage", kwargs=the_area_of_a_zip_of_umi, data=THE_ZIP),
}
USAGE = {
    "metering:usage-files": Row("ability", owner="kaze.usage", one_more=a_usage_file_of_kaze),
    "metering:usage-file": Row(
        "ability", owner="kaze.usage", kwargs=a_usage_file_of_kaze, one_more=list_rows.a_refused_row
    ),
    "metering:refused-rows": Row("ability", owner="kaze.usage", kwargs=a_usage_file_of_kaze),
    "metering:usage-file-settle": Row("ability", owner="kaze.usage", kwargs=a_usage_file_of_kaze, method="post"),
    "metering:published-files": Row("ability", owner="umi.usage", one_more=list_rows.a_published_day),
    "metering:published-files-zip": Row("ability", owner="umi.usage"),
    "metering:published-files-again": Row("ability", owner="umi.usage", method="post", data={"first": 1, "last": 1}),
    "metering:statements": Row("ability", owner="umi.usage", one_more=list_rows.a_day_of_publishing),
    "metering:statement": Row(
        "ability",
        owner="umi.usage",
        kwargs=lambda cast: {"day": NOW.date()},
        shared=True,
        one_more=list_rows.a_published_day,
    ),
    "metering:statement-json": Row("ability", owner="umi.usage", kwargs=a_day, shared=True),
    "metering:published-file": Row("ability", owner="umi.usage", kwargs=a_published_file_of_umi),
    "metering:published-file-download": Row("ability", owner="umi.usage", kwargs=a_published_file_of_umi),
}


def an_alarm_of_sora(cast: Cast) -> dict[str, Any]:
    for _question in range(governance.rules_of(cast.sora).hourly_alarm):
        governance.count(cast["sora.inquiry"], now=NOW)
    return {"pk": InquiryAlarm.objects.get(user=cast["sora.inquiry"]).pk}


GOVERNANCE = {
    "metering:alarms": Row("ability", owner="sora.administrator", one_more=list_rows.an_alarm),
    "metering:alarm": Row("ability", owner="sora.inquiry", kwargs=an_alarm_of_sora),
    "metering:alarm-explanation": Row("ability", owner="sora.inquiry", kwargs=an_alarm_of_sora),
    "metering:alarm-lifting": Row("ability", owner="sora.administrator", kwargs=an_alarm_of_sora),
    "metering:access-log-choice": Row("ability", owner="umi.administrator"),
    "metering:access-log": Row("ability", owner="umi.administrator", kwargs=a_point_of_umi, one_more=list_rows.a_read),
}


def a_gap_of_kaze(cast: Cast) -> dict[str, Any]:
    [point] = make_points(cast, 1)
    days = DateRange(DAY, DAY + timedelta(days=1))
    return {"pk": Gap.objects.create(point=point, during=days, opened_at=NOW).pk}


COMPLETENESS = {
    "metering:usage-category": Row(
        "ability",
        owner="umi.usage",
        kwargs=lambda cast: {"slug": "interruptions"},
        shared=True,
        one_more=list_rows.a_category_row,
    ),
    "metering:completeness": Row("ability", owner="hub.operator", one_more=list_rows.a_day_count),
    "metering:months-missing": Row(
        "ability",
        owner="umi.usage",
        kwargs=lambda cast: {"day": list_rows.READ},
        shared=True,
        one_more=list_rows.a_missing_month,
    ),
    "metering:gaps": Row("ability", owner="umi.usage", one_more=a_gap_of_kaze),
    "metering:gap": Row("ability", owner="umi.usage", kwargs=a_gap_of_kaze),
    "metering:gap-follow-up": Row("ability", owner="kaze.usage", kwargs=a_gap_of_kaze, method="post"),
    "metering:gap-give-up": Row(
        "ability", owner="kaze.usage", kwargs=a_gap_of_kaze, method="post", data={"reason": "lost"}
    ),
}


def a_short_day_of_kaze(cast: Cast) -> dict[str, Any]:
    """A day of umi's with a half-hour missing."""
    [point] = make_points(cast, 1)
    values = figures(1, gaps=False)
    values[0, 10] = NULL
    deliver(cast, csv_of(block_of([point], values=values)))
    return {"number": point.number, "first": DAY, "last": DAY}


def an_estimate_of_kaze(cast: Cast) -> dict[str, Any]:
    days = a_short_day_of_kaze(cast)
    point, by = SupplyPoint.objects.get(number=days["number"]), cast["kaze.usage"]
    proposal = estimates.propose(point, DAY, DAY, by=by, now=NOW)
    made = estimates.make(point, DAY, DAY, fingerprint=proposal.fingerprint, reason="radio", by=by, now=NOW)
    return {"pk": made.pk}


CHECKS = {
    "metering:check-rules": Row("ability", owner="kaze.usage"),
    "metering:findings": Row("ability", owner="kaze.usage", one_more=list_rows.a_finding),
    "metering:estimates": Row("ability", owner="kaze.usage", one_more=an_estimate_of_kaze),
    "metering:estimate": Row("ability", owner="umi.usage", kwargs=an_estimate_of_kaze),
    "metering:estimate-new": Row("ability", owner="kaze.usage", kwargs=a_short_day_of_kaze),
}


def a_request_of_sora(cast: Cast) -> dict[str, Any]:
    [point] = make_points(cast, 1)
    return {"pk": ask_for_usage(cast["sora.inquiry"], point, now=NOW, evidence=slip()).pk}


def a_usage_inquiry_of_sora(cast: Cast) -> dict[str, Any]:
    [point] = make_points(cast, 1)
    user, now = cast["sora.inquiry"], timezone.now()
    asked = ask_for_usage(user, point, now=now)
    issued = now + timedelta(days=14)
    access_codes.issue_due(now=issued)
    asked.refresh_from_db()
    code = access_codes.code_of(asked)
    return {"pk": usage_inquiries.enter(number=point.number, code=code, by=user, now=issued).pk}


PAST_USAGE = {
    "metering:access-requests": Row("ability", owner="sora.inquiry", one_more=a_request_of_sora),
    "metering:access-request-new": Row("ability", owner="sora.inquiry"),
    "metering:access-request": Row("ability", owner="sora.inquiry", kwargs=a_request_of_sora),
    "metering:access-request-cancel": Row("ability", owner="sora.inquiry", kwargs=a_request_of_sora, method="post"),
    "metering:access-request-correction": Row("ability", owner="sora.inquiry", kwargs=a_request_of_sora),
    "metering:access-request-evidence": Row("ability", owner="sora.inquiry", kwargs=a_request_of_sora),
    "metering:usage-inquiry-new": Row("ability", owner="sora.inquiry"),
    "metering:usage-inquiry": Row("ability", owner="sora.inquiry", kwargs=a_usage_inquiry_of_sora),
    "metering:usage-inquiry-csv": Row("ability", owner="sora.inquiry", kwargs=a_usage_inquiry_of_sora),
}


ROWS = {**CHECKS, **COLLECTION, **COMPLETENESS, **POINTS, **USAGE, **GOVERNANCE, **PAST_USAGE}
