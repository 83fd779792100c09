"""The demo's library, announcements and helpdesk: what an operator publishes and what companies ask."""

from datetime import timedelta

from django.core.files.base import ContentFile

from portal import announcements, documents, tickets
from portal.market import MarketRole
from portal.models import Document
from switching.demo.clock import Clock
from switching.demo.market import Market
from switching.demo.usage_files import Story

DAYS_TOLD = 30
# title, in English, who may read it, summary, how to obtain it
LIBRARY = (
    (
        "スイッチング支援システム利用規程",
        "Terms of use of the switching portal",
        Document.Audience.PUBLIC,
        "利用申請、利用者の管理、禁止事項を定めます。",
        "",
    ),
    (
        "業務マニュアル(廃止取次・異動申込)",
        "Manual: cancellation relays and applications",
        Document.Audience.PARTICIPANTS,
        "画面の操作と期限を業務の順に説明します。",
        "",
    ),
    (
        "接続試験仕様書",
        "Specification of the connection test",
        Document.Audience.ON_APPLICATION,
        "連携試験の手順と試験データの仕様です。",
        "接続試験を申し込む事業者に提供します。利用目的を添えて申請してください(3営業日以内に回答)。",
    ),
)


def publish(market: Market, clock: Clock) -> Story:
    """Three documents, one of them in a second edition, and three announcements."""
    operator = market.people["hub.operator"]
    now = yield clock.at(clock.today - timedelta(days=DAYS_TOLD), 9)
    made = {}
    for title, title_en, audience, summary, how in LIBRARY:
        made[audience] = documents.enter(
            title=title,
            title_en=title_en,
            audience=audience,
            summary=summary,
            how_to_obtain=how,
            number="1.0",
            published_on=now.date(),
            file=_text(title, "1.0"),
            by=operator,
            now=now,
        )
    announcements.publish(
        title="スイッチング支援システムの文書を公表しました",
        title_en="Documents of the switching portal published",
        body="利用規程、業務マニュアル、接続試験仕様書を公表しました。「公表文書」からご覧ください。",
        body_en="Terms of use, manual and test specification are in the library.",
        shown_from=now,
        by_mail=True,
        by=operator,
        now=now,
    )
    now = yield clock.at(clock.business_day(-5), 10)
    documents.add_version(
        made[Document.Audience.PARTICIPANTS].pk,
        number="1.1",
        published_on=now.date(),
        changes="本人確認の結果の見方を追加しました。",
        file=_text(LIBRARY[1][0], "1.1"),
        by=operator,
        now=now,
    )
    now = yield clock.at(clock.business_day(-2), 11)
    for market_role, title, title_en, body, body_en in (
        (
            MarketRole.RETAILER,
            "判定期限の厳守について",
            "Please keep the deadline of judgements",
            "廃止取次は登録日から2営業日後の17時までに判定してください。",
            "Judge a cancellation relay by 17:00 on the second business day.",
        ),
        (
            MarketRole.NETWORK_OPERATOR,
            "30分値ファイルの送付時刻",
            "When to send half-hourly files",
            "前日分のファイルは毎朝5時までに送付してください。",
            "Send the files of the day before by 5:00.",
        ),
    ):
        announcements.publish(
            title=title,
            title_en=title_en,
            body=body,
            body_en=body_en,
            market_role=market_role,
            shown_from=now,
            shown_until=now + timedelta(days=60),
            by_mail=True,
            by=operator,
            now=now,
        )
    while announcements.mail_due(now=now):
        pass


def ask(market: Market, clock: Clock) -> Story:
    """A company applies for a document; one question is answered, one waits, one is closed."""
    helpdesk = market.people["hub.helpdesk"]
    sora, umi = market.people["sora.relay"], market.people["umi.relay"]
    now = yield clock.at(clock.business_day(-4), 9, 30)
    closed = tickets.open_ticket(
        subject="取次の取り下げについて",
        body="登録した取次を取り下げると、供給地点はすぐに使えますか。",
        by=umi,
        now=now,
    )
    now = yield clock.at(clock.business_day(-4), 14)
    tickets.write(closed.pk, body="はい。取り下げた時点で、別の取次を登録できます。", by=helpdesk, now=now)
    now = yield clock.at(clock.business_day(-3), 9, 10)
    tickets.close(closed.pk, by=umi, now=now)
    now = yield clock.at(clock.business_day(-2), 13, 20)
    answered = tickets.open_ticket(
        subject="契約番号の書式が受け付けられません",
        body="検針票のとおりに入力しましたが、書式が違うと表示されます。入力した番号を添付します。",
        files=[ContentFile("入力した番号: U-1234-5678\n".encode(), name="入力した番号.txt")],
        by=sora,
        now=now,
    )
    now = yield clock.at(clock.business_day(-2), 16, 5)
    tickets.write(
        answered.pk,
        body="末尾の2桁が不足しています。現小売の契約番号の書式は入力画面の案内をご確認ください。",
        by=helpdesk,
        now=now,
    )
    now = yield clock.at(clock.business_day(-1), 10, 45)
    specification = Document.objects.get(audience=Document.Audience.ON_APPLICATION)
    documents.ask(specification, purpose="基幹システムとの接続試験の準備", by=sora, now=now)
    now = yield clock.at(clock.business_day(-1), 15, 40)
    tickets.open_ticket(
        subject="利用者の担当区域の変更",
        body="担当者の区域を関西から東京へ変更したいのですが、手順を教えてください。",
        by=sora,
        now=now,
    )


def _text(title: str, number: str) -> ContentFile:
    """The text of an edition; the demo's documents are invented like everything in it."""
    return ContentFile(f"{title}\n第{number}版\n\nデモ用の架空の文書です。\n".encode(), name=f"{title}_{number}.txt")
