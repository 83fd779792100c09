"""What the check of a file finds: each wrong row with its rule, and the same verdicts as the verb one by one."""

import random
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from portal import ahead, quotas
from portal.models import LedgerEntry, Notice, Registration
from switching import disclosures, relays
from switching.bulk import checking, uploads
from switching.bulk.kinds import KINDS
from switching.bulk.rows import Row, clean
from switching.models import Application, Disclosure, Relay, Step, UploadRow
from tests.switching.bulk.sending import (
    RELAY_HEAD,
    csv_of,
    inquire,
    ready,
    relay_row,
    rules,
    send,
    start_row,
    states,
    work_off,
)
from tests.switching.cases import DESIRED


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def words(upload, line, language="ja"):
    row = upload.lines.get(line=line)
    return " ".join(item["words"][language] for item in row.findings)


def test_a_check_files_nothing_and_tells_the_own_company_once(play, sora_relay, now):
    points = ready(play, 3)
    steps, notices = Step.objects.count(), Notice.objects.count()
    upload = send("relays", csv_of([relay_row(point) for point in points]), by=sora_relay, now=now)
    assert states(upload) == ["good"] * 3
    assert (Step.objects.count(), Relay.objects.count()) == (steps, 0)
    [notice] = Notice.objects.order_by("pk")[notices:]
    assert (notice.recipient, notice.kind) == (sora_relay.company, "upload_checked")
    assert not quotas.used(sora_relay.company_id, Registration.RELAY, now.date())
    assert LedgerEntry.objects.filter(action="upload.check", subject=f"upload {upload.pk}").count() == 1


@pytest.mark.parametrize(
    "changes, rule, column, said",
    [
        ({"supply_point": "12345678901234567"}, "CityGasNumber", "supply_point", "17"),
        ({"supply_point": "0" * 23}, "WrongLength", "supply_point", "23"),
        ({"supply_point": ""}, "value", "supply_point", "22"),
        ({"supply_class": "HV"}, "VoltageDoesNotFit", "supply_point", "3桁目"),
        ({"supply_class": "超高圧"}, "value", "supply_class", "LV"),
        ({"supply_point": "03" + "0" * 20}, "not_inquired", "supply_point", "照会"),
        ({"losing_retailer": "N0B0D"}, "unknown_retailer", "losing_retailer", "N0B0D"),
        ({"losing_retailer": "UM1E6"}, "unknown_retailer", "losing_retailer", "UM1E6"),
        ({"losing_retailer": "S0RA3"}, "NotARetailerThere", "losing_retailer", ""),
        ({"holder_name": ""}, "value", "holder_name", ""),
        ({"holder_name": "山" * 81}, "value", "holder_name", "80"),
        ({"holder_name": "\ue000田"}, "cell", "holder_name", "U+E000"),
        ({"desired_date": "2026-02-30"}, "value", "desired_date", "2026-04-15"),
        ({"desired_date": "2026-04-02"}, "DateNotPossible", "desired_date", "2026-04-04"),
    ],
)
def test_each_wrong_cell_gets_its_rule_and_sentence(play, sora_relay, now, changes, rule, column, said):
    [point] = ready(play, 1)
    upload = send("relays", csv_of([relay_row(point, **changes)]), by=sora_relay, now=now)
    [finding] = upload.lines.get().findings
    assert (finding["rule"], finding["columns"]) == (rule, [column])
    assert said in finding["words"]["ja"] and finding["words"]["en"] != finding["words"]["ja"]


def test_numbers_dates_and_names_may_be_written_as_people_do(play, sora_relay, now):
    points = ready(play, 3)
    rows = [relay_row(point) for point in points]
    rows[0] |= {
        "supply_point": "-".join(points[0].number[at : at + 4] for at in range(0, 22, 4)),
        "supply_class": "低圧",
    }
    rows[1] |= {"losing_retailer": "海エナジー", "desired_date": "2026/4/15", "contact_person": ""}
    rows[2] |= {"losing_retailer": "Umi Energy", "desired_date": "20260415", "supply_class": "Low voltage"}
    upload = send("relays", csv_of(rows), by=sora_relay, now=now)
    assert states(upload) == ["good"] * 3, rules(upload)


def test_columns_may_stand_in_any_order_in_either_language(play, sora_relay, now):
    [point] = ready(play, 1)
    row = relay_row(point)
    kind = KINDS["relays"]
    with translation.override("ja"):
        labels = {column.name: str(column.label) for column in kind.columns}
    head = list(reversed(RELAY_HEAD))
    data = csv_of([{labels[name]: row[name] for name in head}])
    assert states(send("relays", data, by=sora_relay, now=now)) == ["good"]
    with translation.override("en"):
        labels = {column.name: str(column.label).upper() for column in kind.columns}
    data = csv_of([{labels[name]: row[name] for name in head}])
    assert states(send("relays", data, by=sora_relay, now=now)) == ["good"]


def test_missing_double_and_unknown_columns_are_named(play, sora_relay, now):
    [point] = ready(play, 1)
    row = relay_row(point)
    del row["holder_name"]
    upload = send("relays", csv_of([row | {"holder": "x", "memo": "y"}]), by=sora_relay, now=now)
    assert upload.state == "unreadable"
    assert "holder, memo" in upload.problem["en"] and "contract holder" in upload.problem["en"]
    fine = send("relays", csv_of([relay_row(point) | {"memo": "y"}]), by=sora_relay, now=now)
    assert (fine.state, fine.remarks) == ("checked", ["memo"])
    head = ["supply_class", *RELAY_HEAD]
    assert send("relays", csv_of([relay_row(point)], head), by=sora_relay, now=now).state == "unreadable"


def test_a_file_without_rows_or_with_too_many_is_unreadable_and_leaves_no_row(play, sora_relay, now, settings):
    [point] = ready(play, 1)
    empty = send("relays", csv_of([], RELAY_HEAD), by=sora_relay, now=now)
    assert empty.state == "unreadable"
    settings.BULK_MOST_ROWS = 2
    long = send("relays", csv_of([relay_row(point)] * 3), by=sora_relay, now=now)
    assert (long.state, long.rows) == ("unreadable", 0)
    assert not UploadRow.objects.exists()


def test_the_second_row_on_a_point_names_the_first(play, sora_relay, now):
    [point] = ready(play, 1)
    upload = send("relays", csv_of([relay_row(point), relay_row(point)]), by=sora_relay, now=now)
    assert states(upload) == ["good", "wrong"]
    assert "2" in words(upload, 3)


def test_what_is_there_already_is_told_apart_from_what_is_there_otherwise(play, sora_relay, now):
    same, other = ready(play, 2)
    rows = [relay_row(same), relay_row(other)]
    play.relay(same), play.relay(other, holder_name="別の 名義")
    upload = send("relays", csv_of(rows), by=sora_relay, now=now)
    assert states(upload) == ["known", "wrong"]
    assert upload.lines.get(line=2).relay == Relay.objects.get(point=same)
    assert rules(upload)[1] == ["relay_differs"]
    assert upload.lines.get(line=3).findings[0]["columns"] == ["holder_name"]


def test_another_companys_relay_is_busy_and_nothing_more(play, sora_relay, now):
    [point] = ready(play, 1)
    theirs = play.relay(point, who="yama")
    upload = send("relays", csv_of([relay_row(point)]), by=sora_relay, now=now)
    assert rules(upload) == [["PointBusy"]]
    said = words(upload, 2) + words(upload, 2, "en")
    assert theirs.number not in said and "Yama" not in said and "山電力" not in said
    assert upload.lines.get().relay is None


def test_a_point_of_a_strangers_inquiry_is_as_unknown_as_one_that_does_not_exist(play, sora_relay, now):
    theirs = play.point()
    inquire(play, [theirs], who="yama")
    row = relay_row(theirs)
    upload = send("relays", csv_of([row, row | {"supply_point": "030" + "9" * 19}]), by=sora_relay, now=now)
    assert rules(upload) == [["not_inquired"]] * 2
    assert words(upload, 2) == words(upload, 3)


def test_rows_over_the_days_quota_are_refused_in_the_preview_already(play, sora_relay, hub_operator, now):
    points = ready(play, 4)
    play.relay(points[3])
    quotas.set_quota(sora_relay.company, Registration.RELAY, most=3, by=hub_operator, now=now)
    upload = send("relays", csv_of([relay_row(point) for point in points[:3]]), by=sora_relay, now=now)
    assert states(upload) == ["good", "good", "wrong"]
    assert rules(upload)[2] == ["QuotaSpent"]


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(play, sora_relay, now):
    counts = []
    send("relays", csv_of([relay_row(point) for point in ready(play, 1)]), by=sora_relay, now=now)
    for size in (3, 40):
        points = ready(play, size)
        data = csv_of([relay_row(point) for point in points])
        with CaptureQueriesContext(connection) as queries:
            upload = send("relays", data, by=sora_relay, now=now)
        assert states(upload) == ["good"] * size
        counts.append([str(query["sql"])[:60] for query in queries])
    assert len(counts[0]) == len(counts[1]), [c for c in counts[1] if counts[1].count(c) > counts[0].count(c)]


def _verb_says(kind, row_data, *, by, now):
    """The verdict of the verb for one row, asked alone, with a question to the database for each rule."""
    row = Row(0, row_data)
    clean(row, kind.columns)
    if row.is_wrong:
        return None
    kind.look_up([row], by=by, now=now)
    if row.is_wrong:
        return None
    try:
        kind.file(row, by=by, now=now, dry_run=True)
    except checking.REFUSALS as refusal:
        return type(refusal).__name__
    return ""


def _market(play, rng):
    """Points in every condition a relay or a start may meet."""
    points = ready(play, 14)
    points += ready(play, 2, supplier=play.cast.sora)
    points += ready(play, 2, supply_class="HV")
    play.relay(points[0]), play.relay(points[1], who="yama"), play.accepted(points[2])
    play.start(points[3]), play.start(points[4], who="yama")
    for _ in range(3):
        play.rejected(points[5], 2)
    rng.shuffle(points)
    return points


@pytest.mark.parametrize("content, make", [("relays", relay_row), ("switch_start", start_row)])
def test_the_check_in_sets_says_what_the_verb_says_one_by_one(play, cast, now, content, make):
    rng = random.Random(content)
    points = _market(play, rng)
    by = cast["sora.relay" if content == "relays" else "sora.application"]
    days = [DESIRED.isoformat(), "2026-04-02", "2026-12-24", "2026-04-06"]
    rows = [
        make(
            point,
            desired_date=rng.choice(days) if rng.random() < 0.4 else DESIRED.isoformat(),
            **({"losing_retailer": rng.choice(["UM1E3", "YAMA3"])} if content == "relays" else {}),
        )
        for point in points
    ]
    kind = KINDS[content]
    expected = [_verb_says(kind, row, by=by, now=now) for row in rows]
    upload = send(content, csv_of(rows), by=by, now=now)
    extra = {"relay_differs": "PointBusy", "relay_is_there": "PointBusy", "application_differs": None}
    for row, verb in zip(upload.lines.order_by("line"), expected, strict=True):
        found = [item["rule"] for item in row.findings if item["kind"] in ("error", "known")]
        if verb == "":
            assert row.state in ("good", "warned"), (row.line, row.findings)
        elif verb is None:
            assert row.state == "wrong"
        elif found[0] in extra or found[0] == "application_is_there":
            assert verb in ("PointBusy", "OutOfOwnSequence")
        else:
            assert found == [verb], row.line
    assert len({verb for verb in expected if verb}) >= 3, "the market should hold several conditions"


def test_answers_read_ahead_are_those_the_rules_ask_for(play, sora_relay, now):
    """Inside a reading the verb asks the database nothing that a set has not answered."""
    points = ready(play, 3)
    kind = KINDS["relays"]
    chunk = [Row(n, relay_row(point)) for n, point in enumerate(points)]
    for row in chunk:
        clean(row, kind.columns)
    with ahead.reading():
        kind.look_up(chunk, by=sora_relay, now=now)
        kind.read_ahead(chunk, by=sora_relay, now=now)
        kind.file(chunk[0], by=sora_relay, now=now, dry_run=True)
        with CaptureQueriesContext(connection) as queries:
            kind.file(chunk[1], by=sora_relay, now=now, dry_run=True)
            kind.file(chunk[2], by=sora_relay, now=now, dry_run=True)
        assert len(queries) == 0, [query["sql"] for query in queries]


# --- Other kinds


def test_explanations_name_every_item_by_its_code(play, sora_relay, now):
    points = [play.point() for _ in range(3)]
    inquire(play, points)
    play.disclosure(play.point())
    version = disclosures.version_on(now.date())
    codes = [item.code for item in version.items.all()]
    rows = [
        {
            "supply_class": "LV",
            "supply_point": point.number,
            "acknowledged": acknowledged,
            "channel": "電話" if at else "telephone",
            "explained_on": "2026-03-31",
        }
        for at, (point, acknowledged) in enumerate(
            zip(points, [" ".join(codes), " ".join(codes[:-1]), "、".join([*codes, "nonsense"])], strict=True)
        )
    ]
    rows[1]["channel"] = rows[2]["channel"] = "telephone"
    upload = send("disclosures", csv_of(rows), by=sora_relay, now=now)
    assert [row[0] if row else "" for row in rules(upload)] == ["", "NotAllAcknowledged", "unknown_item"]
    assert Disclosure.objects.filter(point__in=points).count() == 0


def test_a_withdrawal_names_an_own_open_relay(play, sora_relay, now):
    mine, gone = play.relay(play.point()), play.relay(play.point())
    theirs = play.relay(play.point(), who="yama")
    relays.withdraw(relay_id=gone.pk, by=sora_relay, now=now)
    numbers = [mine.number, gone.number, theirs.number, "R0000000000", mine.number.lower()]
    upload = send("withdrawals", csv_of([{"relay": number} for number in numbers]), by=sora_relay, now=now)
    assert states(upload) == ["good", "known", "wrong", "wrong", "wrong"]
    assert rules(upload)[2:] == [["unknown_relay"], ["unknown_relay"], ["twice_in_the_file"]]


def test_a_judgement_that_is_not_equal_goes_to_a_person(play, umi_relay, now):
    equal, weak = play.relay(play.point()), play.relay(play.point(), holder_name="高橋 花子")
    refused, odd = play.relay(play.point(), contract_number="U-99999999"), play.relay(play.point())
    rows = [
        {"relay": equal.number, "verdict": "承諾", "reasons": "", "reason_text": ""},
        {"relay": weak.number, "verdict": "accept", "reasons": "", "reason_text": ""},
        {"relay": refused.number, "verdict": "reject", "reasons": "2", "reason_text": ""},
        {"relay": odd.number, "verdict": "reject", "reasons": "2", "reason_text": ""},
    ]
    upload = send("judgements", csv_of(rows), by=umi_relay, now=now)
    assert states(upload) == ["good", "wrong", "good", "warned"]
    assert rules(upload) == [[], ["identity_needs_a_person"], [], ["equal_yet_rejected"]]
    said = words(upload, 3) + words(upload, 5)
    assert "花子" not in said, "verdicts are told, values are not"
    subjects = set(LedgerEntry.objects.filter(action="relay.read_identity").values_list("subject", flat=True))
    assert {f"relay {relay.number}" for relay in (equal, weak, refused, odd)} <= subjects


@pytest.mark.parametrize(
    "row, rule",
    [
        ({"verdict": "reject", "reasons": ""}, "ReasonsMissing"),
        ({"verdict": "reject", "reasons": "2 77"}, "unknown_reason"),
        ({"verdict": "reject", "reasons": "9"}, "ReasonsMissing"),
        ({"verdict": "accept", "reasons": "2"}, "reasons_of_an_acceptance"),
        ({"verdict": "perhaps", "reasons": "2"}, "value"),
    ],
)
def test_a_judgement_that_says_two_things_or_nothing_is_wrong(play, umi_relay, now, row, rule):
    relay = play.relay(play.point())
    upload = send("judgements", csv_of([{"relay": relay.number, "reason_text": "", **row}]), by=umi_relay, now=now)
    assert rules(upload) == [[rule]]


def test_every_kind_of_application_has_its_file(play, cast, now):
    own = play.point(supplier=cast.sora, current_limit_a=40)
    rows = {
        "termination": {"desired_date": "2026-04-20"},
        "ampere_change": {"desired_date": "2026-04-20", "ampere": "30"},
        "consumer_change": {
            "desired_date": "2026-04-01",
            "change": "new_name",
            "holder_name": "新 花子",
            "holder_kana": "シン ハナコ",
            "holder_address": "東京都千代田区丸の内1-2-3",
        },
    }
    for content, entries in rows.items():
        row = {"supply_class": "LV", "supply_point": own.number, **entries}
        strange = row | {"supply_point": play.point().number}
        upload = send(content, csv_of([row, strange]), by=cast["sora.application"], now=now)
        assert states(upload) == ["good", "wrong"], (content, rules(upload))
        assert rules(upload)[1] == ["not_ours"]
    assert not Application.objects.exists()


def test_explanations_rest_on_the_list_of_the_present_retailer_and_menu_named(play, cast, sora_relay, now):
    points = [play.point() for _ in range(7)]
    inquire(play, points)
    play.disclosure(play.point())
    own = {
        menu: disclosures.publish_version(
            [(code, "セット割", "Bundle")], retailer=cast.umi, menu=menu, valid_from=date(2026, 3, 1), by=None, now=now
        )
        for menu, code in (("", "bundle"), ("夜プラン", "night"))
    }
    base = "charge points menu"
    rows = [
        {
            "supply_class": "LV",
            "supply_point": point.number,
            "losing_retailer": retailer,
            "menu": menu,
            "acknowledged": acknowledged,
            "channel": "telephone",
            "explained_on": "2026-03-31",
        }
        for point, (retailer, menu, acknowledged) in zip(
            points,
            [
                ("Umi Energy", "", f"{base} bundle"),
                ("Umi Energy", "夜プラン", f"{base} night"),
                ("Umi Energy", "", base),
                ("Umi Energy", "昼プラン", f"{base} bundle"),
                ("", "夜プラン", base),
                ("Nobody Denki", "", base),
                (cast.sora.name, "", base),
            ],
            strict=True,
        )
    ]
    upload = send("disclosures", csv_of(rows), by=sora_relay, now=now)
    assert [row[0] if row else "" for row in rules(upload)] == [
        *("", "", "NotAllAcknowledged", "unknown_menu", "no_retailer", "unknown_retailer", "no_retailer_there"),
    ]
    uploads.confirm(upload.pk, by=sora_relay, now=now)
    work_off(upload, now=now)
    told = Disclosure.objects.filter(point__in=points).order_by("pk")
    assert [(made.losing_retailer, made.menu, made.own_version) for made in told] == [
        (cast.umi, "", own[""]),
        (cast.umi, "夜プラン", own["夜プラン"]),
    ]
    assert told[1].acknowledgements.count() == 4
    assert play.relay(points[1], disclosure=told[1]).disclosure == told[1], "a relay rests on it"
    again = send("disclosures", csv_of(list(reversed(rows[:2]))), by=sora_relay, now=now)
    assert states(again) == ["known"] * 2


def test_explanations_on_a_list_of_their_own_cost_no_query_per_row(play, cast, sora_relay, now):
    play.disclosure(play.point())
    disclosures.publish_version(
        [("bundle", "セット割", "Bundle")], retailer=cast.umi, valid_from=date(2026, 3, 1), by=None, now=now
    )
    counts = []
    for size in (2, 1, 8):  # the first one is asked what is asked once in a process's life
        points = [play.point() for _ in range(size)]
        inquire(play, points)
        rows = [
            {
                "supply_class": "LV",
                "supply_point": point.number,
                "losing_retailer": "Umi Energy",
                "menu": "",
                "acknowledged": "charge points menu bundle",
                "channel": "telephone",
                "explained_on": "2026-03-31",
            }
            for point in points
        ]
        with CaptureQueriesContext(connection) as queries:
            upload = send("disclosures", csv_of(rows), by=sora_relay, now=now)
        assert states(upload) == ["good"] * size
        counts.append([str(query["sql"])[:110] for query in queries])
    _, one, eight = counts
    assert len(one) == len(eight), [query for query in eight if eight.count(query) > one.count(query)]
