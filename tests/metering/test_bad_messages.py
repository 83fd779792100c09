"""Half-hour and W5 files that are damaged, hostile or about somebody else: one sentence each, nothing half in."""

import io
import zipfile
from datetime import date

import pytest

from metering import intake
from metering.formats import fixed, names
from metering.models import FixedRow, SlotSegment, UsageFile
from tests.cast import make_points
from tests.metering.delivering import counts, deliver, reasons, receive
from tests.metering.test_fixed_usage import month_of, send
from tests.metering.test_half_hours import half_hour

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def houses(cast):
    return make_points(cast, 2)


def half_hour_xml(houses, values=(10, 20)):
    name, content = half_hour(houses, values, 2)
    return name, opened(content)


def fixed_xml(cast, houses):
    """The name and XML of a fixed file as the product writes it."""
    name = names.build("1220", date(2026, 3, 31))
    message = fixed.MonthMessage(code="1220", month=date(2026, 3, 1), reading_day=date(2026, 3, 31), sender="KAZE3")
    return str(name), fixed.to_xml(message, [month_of(point) for point in houses])


def opened(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(archive.namelist()[0])


def zipped(*entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


@pytest.fixture(params=["half_hour", "fixed"])
def message(request, cast, houses):
    return half_hour_xml(houses) if request.param == "half_hour" else fixed_xml(cast, houses)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda xml: zipped(("a.xml", xml))[:-30], "zip_broken"),
        (lambda xml: zipped(("a.xml", xml))[:60], "zip_broken"),
        (lambda xml: zipped(("a.xml", xml), ("b.xml", xml)), "zip_many"),
        (lambda xml: zipped(), "zip_empty"),
        (lambda xml: zipped(("../a.xml", xml)), "zip_path"),
        (lambda xml: zipped(("a.xml", b"")), "empty"),
        (lambda xml: zipped(("a.xml", b"supply_point,date\n")), "xml_not"),
        (lambda xml: zipped(("a.xml", xml[: len(xml) // 2])), "xml_broken"),
        (lambda xml: zipped(("a.xml", xml.replace(b"?>", b"?><!DOCTYPE a>", 1))), "xml_doctype"),
        (lambda xml: zipped(("a.xml", xml.replace(b"KAZE3", b"YAMA3"))), "bp_sender"),
        (lambda xml: zipped(("a.xml", xml.replace(b"<JPC03>0", b"<JPC03>1"))), "bp_test"),
    ],
)
def test_a_damaged_message_is_told_in_one_sentence_and_leaves_nothing(cast, message, damage, code):
    name, xml = message
    file = deliver(cast, damage(xml), name=name)
    assert (file.state, file.problem["code"]) == (UsageFile.State.UNREADABLE, code)
    assert counts(file) == (0, 0, 0, 0)
    assert not SlotSegment.objects.exists() and not FixedRow.objects.exists()


def test_a_byte_order_mark_and_other_line_ends_are_read(cast, message):
    name, xml = message
    xml = b"\xef\xbb\xbf" + xml.replace(b"><", b">\r\n<")
    file = deliver(cast, zipped(("a.xml", xml)), name=name)
    assert counts(file) == (2, 2, 0, 0)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("W41110202604010030000.zip", "name_form"),
        ("W41110202604010015000000.zip", "name_start"),
        ("W41110202613010030000000.zip", "name_date"),
        ("W4111020260401003000000.zip", "name_form"),
        ("W5122020260331000000.zip", "name_form"),
        ("W51520202603310000000.zip", "name_form"),
    ],
)
def test_a_name_off_the_rule_is_told_at_the_door(cast, houses, name, code):
    with pytest.raises(intake.NotAUsageFile) as problem:
        receive(cast, zipped(("a.xml", b"<a/>")), name=name)
    assert problem.value.code == code


@pytest.mark.parametrize("slot", [b"00", b"49", b"x"])
def test_a_half_hour_that_does_not_exist_makes_the_file_unreadable(cast, houses, slot):
    name, xml = half_hour_xml(houses)
    file = deliver(cast, zipped(("a.xml", xml.replace(b"<JP06219>02", b"<JP06219>" + slot))), name=name)
    assert file.problem["code"] == "xml_slot"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ((b"0.020", b"0,020"), "number_comma"),
        ((b"0.020", b"much"), "number_text"),
        ((b"0.020", b""), "value_absent"),
        ((b"JP06125>0.020</JP06125", b"JP06123>0.020</JP06123"), "value_other_voltage"),
    ],
)
def test_a_wrong_value_refuses_its_point_alone(cast, houses, wrong, code):
    name, xml = half_hour_xml(houses)
    file = deliver(cast, zipped(("a.xml", xml.replace(*wrong))), name=name)
    assert (counts(file), reasons(file)) == ((2, 1, 0, 1), [(2, code)])


def test_a_number_of_23_digits_and_a_contradiction_refuse_their_points(cast, houses):
    name, xml = half_hour_xml([*houses, houses[0]], (10, 20, 30))
    number = houses[1].number.encode()
    file = deliver(cast, zipped(("a.xml", xml.replace(number, number + b"9"))), name=name)
    assert counts(file) == (2, 0, 0, 2)
    assert sorted(code for _, code in reasons(file)) == ["duplicate_differs", "point_length"]


def test_a_month_with_a_slot_that_does_not_exist_is_refused_and_the_other_goes_in(cast, houses):
    name, xml = fixed_xml(cast, houses)
    for wrong, code in ((b"49", "slot_unknown"), (b"00", "slot_unknown")):
        broken = xml.replace(b"<JP06219>48", b"<JP06219>" + wrong, 1) + wrong.replace(b"00", b"\n").replace(b"49", b"")
        file = deliver(cast, zipped(("a.xml", broken)), name=name)
        assert file.rows_refused == 1 and reasons(file) == [(1, code)]


def test_a_point_of_another_area_is_unknown_to_the_sender(cast, houses):
    far = make_points(cast, 1, area="06")[0]
    type(far).objects.filter(pk=far.pk).update(network_operator=cast.umi)
    assert reasons(send(cast, [month_of(far)])) == [(1, "point_unknown")]
