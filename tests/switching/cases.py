"""Cases played through the verbs: a point supplied by umi, sora's relay on it, its judgement, its start."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from metering import supply
from metering.models import SupplyPoint
from portal.models import Company
from portal.workdays import jst_date
from switching import answers, applications, disclosures, policies, relays
from switching.models import Application, Disclosure, DisclosureVersion, Relay
from switching.relays import Request, Verdict
from tests.cast import Cast

ITEMS = [
    ("charge", "解約違約金が発生する場合があります", "An early-termination charge may fall due"),
    ("points", "ポイントが失効します", "Points are lost"),
    ("menu", "終了したメニューには再加入できません", "A closed menu cannot be rejoined"),
]
HOLDER = "髙橋 花子"
KANA = "タカハシ ハナコ"
ADDRESS = "東京都千代田区丸の内1丁目2番3号"
DESIRED = date(2026, 4, 15)

CONTRACT = {"contract_number": "N-1", "holder_name": HOLDER, "holder_kana": KANA, "holder_address": ADDRESS}
GIVEN: dict[str, dict[str, Any]] = {
    "switch_start": CONTRACT,
    "switch_termination": {},
    "reconnection": CONTRACT,
    "termination": {},
    "ampere_change": {"ampere": 30},
    "consumer_change": {
        "change": "new_holder",
        "holder_name": "新井 次郎",
        "holder_kana": "アライ ジロウ",
        "holder_address": ADDRESS,
    },
}
"""The least each kind asks for at low voltage."""


@dataclass
class Play:
    """Plays cases for one test; everything goes through the product's verbs."""

    cast: Cast
    now: datetime
    made: int = 0

    def point(
        self, *, supplier: Company | None = None, supply_class: str = "LV", area: str = "03", **fields: Any
    ) -> SupplyPoint:
        """A point supplied since 2024 by umi (or `supplier`) under contract U-00000001 …"""
        self.made += 1
        point = SupplyPoint.objects.create(
            number=f"{area}{'1' if supply_class == 'HV' else '0'}0000000000{self.made:09d}",
            area=area,
            supply_class=supply_class,
            network_operator=self.cast.kaze,
            prefecture="東京都",
            municipality="千代田区",
            town="丸の内",
            block=f"1-2-{self.made}",
            address_key=f"東京都千代田区丸の内1-2-{self.made}",
            **fields,
        )
        supply.begin(
            [
                supply.NewSupply(
                    point_id=point.pk,
                    retailer_id=(supplier or self.cast.umi).pk,
                    from_date=date(2024, 4, 1),
                    contract_number=f"U-{self.made:08d}",
                    holder_name=HOLDER,
                    holder_kana=KANA,
                    holder_address=ADDRESS,
                )
            ],
            now=self.now,
        )
        return point

    def disclosure(self, point: SupplyPoint, who: str = "sora", now: datetime | None = None) -> Disclosure:
        """Every item explained by the company's relay clerk."""
        now = now or self.now
        version = DisclosureVersion.objects.filter(retailer__isnull=True).first() or disclosures.publish_version(
            ITEMS, valid_from=date(2016, 3, 1), by=None, now=now
        )
        return disclosures.record(
            point=point,
            version=version,
            acknowledged=set(version.items.values_list("pk", flat=True)),
            channel=Disclosure.Channel.TELEPHONE,
            explained_on=jst_date(now) - timedelta(days=1),
            by=self.cast[f"{who}.relay"],
            now=now,
        )

    def request(self, point: SupplyPoint, who: str = "sora", now: datetime | None = None, **changes: Any) -> Request:
        """What the customer of `point` told: by default all as the losing retailer holds it."""
        return Request(
            **{
                "point": point,
                "losing_retailer": self.cast.umi,
                "contract_number": point.contracts.latest("pk").number,
                "holder_name": HOLDER,
                "holder_kana": KANA,
                "holder_address": ADDRESS,
                "desired_date": DESIRED,
                "contact_person": "空 太郎",
                "disclosure": changes.pop("disclosure", None) or self.disclosure(point, who, now),
                **changes,
            }
        )

    def relay(self, point: SupplyPoint, who: str = "sora", now: datetime | None = None, **changes: Any) -> Relay:
        return relays.register(
            self.request(point, who, now, **changes), by=self.cast[f"{who}.relay"], now=now or self.now
        )

    def accepted(self, point: SupplyPoint, **changes: Any) -> Relay:
        relay = self.relay(point, **changes)
        return relays.judge(relay_id=relay.pk, verdict=Verdict.ACCEPT, by=self.cast["umi.relay"], now=self.now)

    def rejected(self, point: SupplyPoint, *reasons: int, text: str = "", **changes: Any) -> Relay:
        relay = self.relay(point, **changes)
        return relays.judge(
            relay_id=relay.pk,
            verdict=Verdict.REJECT,
            reasons=reasons,
            reason_text=text,
            by=self.cast["umi.relay"],
            now=self.now,
        )

    def start(self, point: SupplyPoint, who: str = "sora", now: datetime | None = None, **changes: Any) -> Application:
        told = {
            "desired_date": DESIRED,
            "contract_number": f"S-{point.pk}",
            "holder_name": HOLDER,
            "holder_kana": KANA,
            "holder_address": ADDRESS,
        }
        start = applications.Start(point=point, **(told | changes))
        return applications.file_start(start, by=self.cast[f"{who}.application"], now=now or self.now)

    def file(self, kind: str, point: SupplyPoint, who: str = "umi", day: date = DESIRED, **given: Any) -> Application:
        """An application of any kind; `now` among the entries is the moment, `relay` the relay."""
        now, relay, dry_run = given.pop("now", self.now), given.pop("relay", None), given.pop("dry_run", False)
        return applications.file(
            kind=kind,
            point=point,
            desired_date=day,
            given={**GIVEN[kind], **given},
            relay=relay,
            by=self.cast[f"{who}.application"],
            now=now,
            dry_run=dry_run,
        )

    def taken_up(self, application: Application, now: datetime | None = None) -> Application:
        """The network operator accepts."""
        return answers.accept(application_id=application.pk, by=self.cast["kaze.application"], now=now or self.now)

    def vacant(self, *, since: date = date(2026, 3, 1), **fields: Any) -> SupplyPoint:
        """A point whose supply ended."""
        point = self.point(**fields)
        supply.terminate({point.pk: since}, cause="moved out", now=self.now)
        point.refresh_from_db()
        return point

    def policy(self, **fields: Any) -> None:
        """umi's policy."""
        policies.lay_down(retailer=self.cast.umi, by=None, now=self.now, **fields)
