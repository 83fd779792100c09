"""Files of many cases in the demo: to be confirmed, carried out, recalled, discarded and unreadable, one of each."""

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from metering.models import FacilityInquiry
from portal.models import User
from switching import disclosures
from switching.bulk import uploads
from switching.demo.clock import Clock
from switching.demo.estate import Site
from switching.demo.market import Market
from switching.demo.usage_files import Story
from switching.models import Content, Upload

CITY_GAS = "12345678901234567"


def send(market: Market, sites: Sequence[Site], clock: Clock) -> Story:
    """What a clerk of sora sent on two business days."""
    clerk = market.people["sora.clerk"]
    own = [site for site in sites if site.wanted.retailer == "sora" and site.wanted.supply_class == "LV"][-9:]
    if len(own) < 9:
        return
    now = yield clock.at(clock.business_day(-2), 10)
    if told := _explanations(clerk, now.date()):
        _carry_out(_file(Content.DISCLOSURES, "説明記録.csv", told, by=clerk, now=now), by=clerk, now=now)
    now = yield clock.at(clock.business_day(-2), 14)
    rows = [_row(site, now.date() + timedelta(days=30), ampere="50") for site in own[:2]]
    hasty = _file(Content.AMPERE_CHANGE, "アンペア変更.csv", rows, by=clerk, now=now)
    _carry_out(hasty, by=clerk, now=now)
    now = yield clock.at(clock.business_day(-2), 14, 20)
    if Upload.objects.filter(pk=hasty.pk, state=Upload.State.DONE).exists():
        uploads.recall(hasty.pk, by=clerk, now=now)
        while uploads.carry_back(hasty.pk, now=now):
            pass
    now = yield clock.no_later(clock.at(clock.business_day(-1), 11), before_end=timedelta(minutes=50))
    wrong = uploads.receive(
        io.BytesIO("地点,日付\r\n".encode("cp932")), content=Content.TERMINATION, name="メモ.csv", by=clerk, now=now
    )
    uploads.check(wrong.pk, now=now)
    leaving = now.date() + timedelta(days=14)
    rows = [_row(site, leaving) for site in own[2:4]]
    uploads.discard(_file(Content.TERMINATION, "廃止申込_旧.csv", rows, by=clerk, now=now).pk, by=clerk, now=now)
    now = yield clock.no_later(clock.at(clock.business_day(-1), 11, 30), before_end=timedelta(minutes=20))
    rows = [_row(site, leaving) for site in own[4:8]]
    rows += [
        rows[0] | {"reference": "二重"},
        rows[0] | {"supply_point": CITY_GAS, "reference": "ガス"},
        _row(own[8], now.date() - timedelta(days=3)) | {"reference": "過去日"},
    ]
    _file(Content.TERMINATION, "廃止申込.csv", rows, by=clerk, now=now)


def _row(site: Site, day: date, **entries: str) -> dict[str, str]:
    return {
        "supply_class": site.wanted.supply_class,
        "supply_point": site.new.number,
        "desired_date": day.isoformat(),
        "reference": f"S-{site.new.number[-4:]}",
        **entries,
    }


def _explanations(clerk: User, today: date) -> list[dict[str, str]]:
    """Customers who asked sora for a quotation and were told the disadvantages the same day."""
    version = disclosures.version_on(today)
    items = " ".join(item.code for item in version.items.all()) if version else ""
    asked = FacilityInquiry.objects.filter(company=clerk.company).select_related("point").order_by("point_id", "-pk")
    return [
        {
            "supply_class": inquiry.supply_class,
            "supply_point": inquiry.point.number,
            "acknowledged": items if at else items.partition(" ")[0],
            "channel": "telephone",
            "explained_on": today.isoformat(),
            "reference": f"T-{inquiry.pk}",
        }
        for at, inquiry in enumerate(asked.distinct("point_id")[:4])
    ]


def _file(content: Content, name: str, rows: list[dict[str, str]], *, by: User, now: datetime) -> Upload:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    sent = uploads.receive(io.BytesIO(text.getvalue().encode("cp932")), content=content, name=name, by=by, now=now)
    return uploads.check(sent.pk, now=now) or sent


def _carry_out(sent: Upload, *, by: User, now: datetime) -> None:
    if not sent.rows_good + sent.rows_warned:
        return
    uploads.confirm(sent.pk, by=by, now=now)
    while uploads.carry_out(sent.pk, now=now):
        pass
