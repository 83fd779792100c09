"""The other categories: in by CSV, on pages for who may see them, out to who supplied."""

import csv
import io
from datetime import date, datetime

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from metering import categories, category_publication, tasks
from metering.halfhours import JST
from metering.models import ContractPower, Interruption, Publication, PublishedFile, SortedEnergy, UsageFile
from tests.cast import NOW, make_points
from tests.metering.delivering import counts, deliver, reasons
from tests.metering.test_publication import bytes_of, hand_over

DAY = "2026-03-31"


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def houses(cast):
    return make_points(cast, 3)


def interruption(point, **changes):
    cells = {
        "supply_point": point.number,
        "date": DAY,
        "from": f"{DAY} 09:00",
        "to": f"{DAY} 10:30",
        "minutes": "90",
        "cause": "落雷",
        "planned": "0",
        "days_counted": "1",
    }
    return {**cells, **changes}


def sorted_energy(point, **changes):
    cells = {
        "supply_point": point.number,
        "contract": "K-1",
        "date": DAY,
        "slot": "7",
        "kwh": "1.5",
        "sorted_kwh": "0.5",
    }
    return {**cells, **changes}


def contract_power(point, **changes):
    cells = {"supply_point": point.number, "month": "2026-03", "max_demand_kw": "61.5", "max_at": "2026-03-12 14:00"}
    cells |= {f"previous_{at}": "" if at > 3 else str(50 + at) for at in range(1, 12)}
    return {**cells, "contract_kw": "62", "from_month": "2026-04", **changes}


MAKERS = {"interruption": interruption, "sorted_energy": sorted_energy, "contract_power": contract_power}
MODELS = {"interruption": Interruption, "sorted_energy": SortedEnergy, "contract_power": ContractPower}


def csv_of(*rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@pytest.fixture(params=MAKERS)
def kind(request):
    return request.param


def test_rows_of_every_category_go_in_and_come_out_as_they_were_sent(cast, houses, kind):
    hand_over(houses[:1], cast.sora, date(2026, 3, 1))
    rows = [MAKERS[kind](point) for point in houses]
    file = deliver(cast, csv_of(*rows))
    assert (file.format, file.layer, counts(file)) == (kind, "O", (3, 3, 0, 0))
    tasks.publish_categories(at=NOW.isoformat())
    category = categories.OF_FORMAT[kind]
    for company, points in ((cast.sora, houses[:1]), (cast.umi, houses[1:])):
        [out] = PublishedFile.objects.filter(recipient=company, format="category")
        read = list(csv.DictReader(io.StringIO(bytes_of(out).decode())))
        assert list(read[0]) == list(category.header)
        assert [row["supply_point"] for row in read] == [point.number for point in points]
        assert category.read(read[0]) == category.read(rows[0])
        numbers = PublishedFile.objects.filter(recipient=company).order_by("number").values_list("number", flat=True)
        assert list(numbers) == [1, 2]
    assert category_publication.publish_waiting(now=NOW) == [] and Publication.objects.get().rows == 3


def test_the_same_again_changes_nothing_and_other_values_are_the_next_revision(cast, houses, kind):
    row = MAKERS[kind](houses[0])
    deliver(cast, csv_of(row))
    assert counts(deliver(cast, csv_of(row) + b"\n")) == (1, 0, 1, 0)
    column, value = {
        "interruption": ("cause", "倒木"),
        "sorted_energy": ("kwh", "1.6"),
        "contract_power": ("contract_kw", "63"),
    }[kind]
    assert counts(deliver(cast, csv_of({**row, column: value}))) == (1, 1, 0, 0)
    assert list(MODELS[kind].objects.order_by("revision").values_list("revision", flat=True)) == [0, 1]
    assert MODELS[kind].objects.newest().get().revision == 1
    category_publication.publish_waiting(now=NOW)
    made = Publication.objects.get()
    assert (made.rows, made.rows_superseded) == (1, 1)


@pytest.mark.parametrize(
    ("maker", "changes", "code"),
    [
        (interruption, {"supply_point": "03" + "0" * 21}, "point_length"),
        (interruption, {"supply_point": "03" + "0" * 16 + "9999"}, "point_unknown"),
        (interruption, {"date": "2026-04-31"}, "cell_day"),
        (interruption, {"date": "2026-04-02", "from": "2026-04-02 09:00", "to": "2026-04-02 10:30"}, "day_future"),
        (interruption, {"from": "9 o'clock"}, "cell_moment"),
        (interruption, {"from": "2026-03-30 23:00"}, "cell_other_day"),
        (interruption, {"to": f"{DAY} 08:00"}, "cell_order"),
        (interruption, {"minutes": "89"}, "cell_minutes"),
        (interruption, {"minutes": "-90"}, "cell_number"),
        (interruption, {"cause": ""}, "cell_text"),
        (interruption, {"planned": "yes"}, "cell_flag"),
        (interruption, {"days_counted": "2"}, "cell_number"),
        (sorted_energy, {"slot": "0"}, "cell_slot"),
        (sorted_energy, {"slot": "49"}, "cell_number"),
        (sorted_energy, {"kwh": "1,5"}, "cell_amount"),
        (sorted_energy, {"kwh": "-1"}, "cell_amount"),
        (sorted_energy, {"sorted_kwh": "1.6"}, "cell_sorted"),
        (contract_power, {"month": "2026-13"}, "cell_month"),
        (contract_power, {"contract_kw": ""}, "cell_amount"),
        (contract_power, {"previous_4": "x"}, "cell_amount"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_sentence_and_the_others_go_in(
    cast, houses, client_of, maker, changes, code
):
    file = deliver(cast, csv_of(maker(houses[0], **changes), maker(houses[1])))
    assert (counts(file), reasons(file)) == ((2, 1, 0, 1), [(2, code)])
    page = client_of(cast["kaze.usage"]).get(f"/usage-files/{file.pk}/")
    assert page.status_code == 200 and b"%(" not in page.content
    again = client_of(cast["kaze.usage"]).get(f"/usage-files/{file.pk}/refused.csv")
    content = b"".join(again.streaming_content)
    assert counts(deliver(cast, content, name="again.csv"))[3] == 1, "it is recognised and told the same again"
    assert UsageFile.objects.first().format == file.format


def test_a_contradiction_inside_a_file_is_refused_the_second_time(cast, houses):
    rows = [sorted_energy(houses[0]), sorted_energy(houses[0], kwh="9"), sorted_energy(houses[0])]
    file = deliver(cast, csv_of(*rows))
    assert (counts(file), reasons(file)) == ((3, 1, 1, 1), [(3, "row_differs")])


def test_another_operators_point_is_as_unknown_as_none(cast, houses):
    from portal import companies
    from portal.companies import TakesPart

    companies.register(
        name="波送配電",
        name_en="Nami Network",
        notice_address="nami@nami.example",
        participations=[TakesPart("network_operator", "04", "NAM14")],
        by=None,
        now=NOW,
    )
    far = make_points(cast, 1)[0]
    type(far).objects.filter(pk=far.pk).update(network_operator=companies.Company.objects.get(name="波送配電"))
    assert reasons(deliver(cast, csv_of(interruption(far)))) == [(2, "point_unknown")]


def test_a_list_shows_the_network_and_the_retailer_their_rows_and_nobody_else(cast, houses, client_of, kind):
    hand_over(houses[:1], cast.sora, date(2026, 3, 1))
    deliver(cast, csv_of(*[MAKERS[kind](point) for point in houses]))
    address = f"/usage-categories/{categories.OF_FORMAT[kind].slug}/"
    seen = {}
    for person in ("kaze.usage", "umi.usage", "sora.usage", "yama.usage", "hub.operator"):
        page = client_of(cast[person]).get(address + "?format=csv")
        assert page.status_code == 200
        text = b"".join(page.streaming_content).decode() if page.streaming else page.content.decode()
        seen[person] = sum(point.number in text.replace(" ", "") for point in houses)
    assert seen == {"kaze.usage": 3, "umi.usage": 2, "sora.usage": 1, "yama.usage": 0, "hub.operator": 3}
    assert client_of(cast["umi.relay"]).get(address).status_code == 404
    assert client_of(cast["umi.usage"]).get("/usage-categories/nothing/").status_code == 404


def test_rows_are_never_changed(cast, houses, kind):
    deliver(cast, csv_of(MAKERS[kind](houses[0])))
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        MODELS[kind].objects.update(revision=5)


@pytest.mark.parametrize(
    ("kind_", "changes", "promise"),
    [
        ("interruption", {}, "an_interruption_stands_once_per_revision"),
        ("interruption", {"ended_at": datetime(2026, 3, 31, 9, tzinfo=JST)}, "an_interruption_ends_after_it_began"),
        ("interruption", {"days_counted": 2}, "a_day_of_interruption_counts_once"),
        ("sorted_energy", {}, "sorted_energy_stands_once_per_revision"),
        ("sorted_energy", {"slot": 49}, "sorted_energy_is_of_slot_1_to_48"),
        ("sorted_energy", {"sorted_wh": 1501}, "sorted_generation_is_part_of_the_whole"),
        ("sorted_energy", {"sorted_wh": -1}, "sorted_generation_is_part_of_the_whole"),
        ("contract_power", {}, "a_contract_power_stands_once_per_month_and_revision"),
        ("contract_power", {"from_month": date(2026, 4, 2)}, "contract_power_months_are_named_by_their_first_day"),
        ("contract_power", {"previous_w": [1]}, "eleven_previous_maxima_make_a_contract_power"),
        ("contract_power", {"contract_w": -1}, "a_contract_power_is_not_negative"),
    ],
)
def test_the_database_promises_what_a_row_is(cast, houses, kind_, changes, promise):
    deliver(cast, csv_of(MAKERS[kind_](houses[0])))
    row = MODELS[kind_].objects.get()
    row.pk = None
    row.revision += bool(changes)
    for name, value in changes.items():
        setattr(row, name, value)
    with pytest.raises(IntegrityError, match=promise), transaction.atomic():
        row.save()
