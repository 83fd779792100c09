"""What retailers asked for and mostly did not get (domain notes, switching §11), carried out in a real browser."""

import csv
import io
from datetime import date, datetime, timedelta

import pytest

from metering import supply
from metering.models import Meter, SupplyPeriod
from portal.workdays import JST
from switching.models import Relay, Upload
from tests import calling
from tests.browser.test_switch_story import Person, play, sit_down  # noqa: F401
from tests.cast import NOW, gather_points
from tests.switching.bulk.sending import csv_of, ready, relay_row
from tests.switching.cases import ADDRESS, DESIRED, HOLDER, KANA
from tests.switching.test_api_story import relay_of
from tests.switching.undoings import Undo

SWITCHED = datetime(2026, 4, 15, 0, 5, tzinfo=JST)
MORNING = datetime(2026, 4, 15, 9, 0, tzinfo=JST)


def words(person: Person) -> str:
    """The page's text as it is read."""
    return person.page.inner_text("main")


def downloaded(person: Person, selector: str) -> bytes:
    with person.page.expect_download() as coming:
        person.page.click(selector)
    return coming.value.path().read_bytes()


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


@pytest.mark.usefixtures("transactional_db")
def test_a_file_is_previewed_with_the_errors_of_its_rows_before_anything_is_done(sit_down, play, worker):  # noqa: F811
    person, _clock = sit_down
    rows = [relay_row(point) for point in ready(play, 3)]
    rows[1] |= {"desired_date": "2026-04-02"}
    clerk = person("sora.relay")
    clerk.open("/uploads/new/relays/")
    clerk.page.set_input_files(
        "main input[type=file]", {"name": "relays.csv", "mimeType": "text/csv", "buffer": csv_of(rows)}
    )
    clerk.press("main form.sheet .btn-primary")
    upload = Upload.objects.get()
    worker("switching.tasks.work_on_uploads", NOW)
    clerk.open(f"/uploads/{upload.pk}/")
    assert "2行を実行しますか" in words(clerk) and "2026-04-02" not in words(clerk).partition("2行を実行しますか")[0]
    assert not Relay.objects.exists(), "a preview files nothing"
    clerk.keep("upload-preview")
    [wrong] = rows_of(downloaded(clerk, f"main a[href='/uploads/{upload.pk}/wrong-rows/']"))
    assert rows[1]["reference"] in wrong.values(), "the row as it was sent"
    assert any("2026-04-" in str(value) and "。" in str(value) for value in wrong.values()), "and why it is wrong"
    clerk.press("main .ask form[action$='/confirmation/'] .btn-primary")
    worker("switching.tasks.work_on_uploads", NOW + timedelta(minutes=1))
    assert Relay.objects.count() == 2
    clerk.open(f"/uploads/{upload.pk}/")
    for relay in Relay.objects.all():
        assert relay.number in words(clerk), "the file says which row became which relay"
    clerk.sign_out()


@pytest.mark.usefixtures("transactional_db")
def test_lists_filter_sort_and_remember_and_their_csv_tells_numbers_reasons_and_classes(sit_down, play):  # noqa: F811
    person, _clock = sit_down
    relays = [
        play.rejected(play.point(), 2, 4),
        play.relay(play.point(supply_class="HV"), desired_date=date(2026, 6, 15)),
        play.relay(play.point(supply_class="FIT")),
    ]
    clerk = person("sora.relay")
    clerk.open("/relays/?tab=sent")
    marks = clerk.page.eval_on_selector_all("main tbody .class-mark", "nodes => nodes.map(node => node.innerText)")
    assert len(set(marks)) == 3, "three classes, three words"
    look = "nodes => nodes.map(n => [getComputedStyle(n)].map(s => [s.{}, n.innerText].join())[0])"
    for style in ("backgroundColor", "borderRadius + getComputedStyle(n).clipPath"):
        looks = clerk.page.eval_on_selector_all("main tbody .class-shape", look.format(style))
        assert len({each.rpartition(",")[0] for each in looks}) == 3, "three colours and shapes"
    found = rows_of(downloaded(clerk, "main .list-tools a[href*='format=csv']:last-of-type"))
    assert {relay.number for relay in relays} <= {value for row in found for value in row.values()}
    told = next(row for row in found if relays[0].number in row.values())
    assert any("契約番号" in str(value) for value in told.values()), "why it was rejected stands in the file"

    # Filter, sort, save as a view; the list opens with it and survives a reload.
    clerk.page.select_option("main [data-list-filter] select[name=supply_class]", "HV")
    clerk.press("main [data-list-filter] button")
    assert relays[1].number in words(clerk) and relays[2].number not in words(clerk)
    clerk.press("main thead th a")
    clerk.page.click("main .list-panel summary")
    clerk.page.fill("main .list-panel [name=name]", "高圧だけ")
    clerk.page.check("main .list-panel [name=opens_first]")
    clerk.press("main .list-panel form[action$='/list-views/new/'] .btn-primary")
    clerk.open("/relays/")
    assert relays[1].number in words(clerk) and relays[2].number not in words(clerk)
    clerk.page.reload()
    assert "高圧だけ" in words(clerk)
    clerk.keep("saved-view")
    clerk.sign_out()


@pytest.mark.usefixtures("transactional_db")
def test_the_rule_of_the_other_retailer_stands_where_its_number_is_typed(sit_down, play):  # noqa: F811
    person, _clock = sit_down
    play.policy(number_pattern=r"U\d{8}", number_hint="U-と数字8桁", number_sample="U-12345678")
    [point] = ready(play, 1)
    clerk = person("sora.relay")
    clerk.open(f"/relays/new/?inquiry={point.inquiries.get().pk}")
    clerk.page.select_option("[name=losing_retailer]", str(play.cast.umi.pk))
    clerk.press("main button[name=show_rule]")
    assert "U-と数字8桁" in words(clerk) and "U-12345678" in words(clerk)
    clerk.fill(
        contract_number="12345678",
        holder_name=HOLDER,
        holder_kana=KANA,
        holder_address=ADDRESS,
        desired_date=DESIRED.isoformat(),
        contact_person="空 太郎",
    )
    clerk.press("main button[name=check]")
    assert "U-と数字8桁" in clerk.page.inner_text("main .error-summary, main [role=alert]")
    assert clerk.page.input_value("[name=contract_number]") == "12345678", "the wrong value stays"
    clerk.keep("contract-number-rule")
    clerk.troubles.clear()  # the browser's console names the 422
    clerk.sign_out()


@pytest.mark.usefixtures("transactional_db")
def test_a_high_voltage_point_is_found_by_its_address(sit_down, play):  # noqa: F811
    person, _clock = sit_down
    shop = gather_points(play.cast).shop
    clerk = person("sora.inquiry")
    clerk.open("/facility-inquiries/new/hv/?by=address")
    clerk.fill(address=shop.address, obtained_on="2026-04-01", reference="REC-9")
    clerk.page.check("[name=purpose][value=switch]")
    clerk.page.check("[name=channel][value=telephone]")
    clerk.press("main form.sheet .btn-primary")
    clerk.press("main tbody .btn-primary")
    assert shop.number[-4:] in words(clerk) and clerk.page.query_selector("main .class-mark-hv, .class-mark-hv")
    assert shop.contracts.get().holder_name not in clerk.page.content()
    clerk.keep("inquiry-hv")
    clerk.sign_out()


@pytest.mark.usefixtures("transactional_db")
def test_an_error_says_what_contradicts_what(sit_down, play):  # noqa: F811
    person, _clock = sit_down
    point = play.point()
    first = play.file("termination", point)
    clerk = person("umi.application")
    clerk.open("/applications/new/termination/lv/")
    clerk.fill(point=point.number)
    clerk.press("main form .btn-primary")
    clerk.fill(desired_date=DESIRED.isoformat())
    clerk.press("main form.sheet .btn-primary")
    said = clerk.page.inner_text("main .error-summary, main [role=alert]")
    assert first.number in said and "2026-04-15" in said, "number, kind and day of one's own other application"
    clerk.keep("sequence-error")
    clerk.troubles.clear()
    clerk.sign_out()


@pytest.mark.usefixtures("transactional_db")
def test_the_start_of_supply_is_told_on_its_day_without_polling(sit_down, play, worker):  # noqa: F811
    person, clock = sit_down
    relay = Undo(play).matched()
    worker("switching.tasks.hand_over", SWITCHED)
    clock.move_to(MORNING)
    clerk = person("sora.application")
    clerk.open("/notices/")
    assert "を開始しました" in words(clerk)
    start = relay.applications.get(kind="switch_start")
    clerk.open(f"/applications/{start.number}/")
    told = words(clerk)
    assert "2026-04-15" in told and "供給開始" in told
    assert start.completed_at is None, "the paperwork is another day's fact"
    clerk.keep("supply-started")
    clerk.sign_out()


@pytest.mark.usefixtures("transactional_db")
def test_a_meter_event_told_after_the_contract_event_ends_alike(sit_down, play, worker):  # noqa: F811
    person, clock = sit_down
    relay = Undo(play).matched()
    Meter.objects.create(point=relay.point, number="OLD-1", installed_on=date(2020, 1, 1))
    clerk = person("kaze.application")
    clerk.open(f"/meter-works/new/?point={relay.point.number}")
    clerk.fill(point=relay.point.number, planned_on=DESIRED.isoformat())
    clerk.page.select_option("main [name=kind]", "exchange")
    clerk.press("main form.sheet .btn-primary")
    clerk.press("main button[name=confirmed]")
    clerk.sign_out()

    worker("switching.tasks.hand_over", SWITCHED)  # the contract moves first
    clock.move_to(datetime(2026, 4, 17, 10, 0, tzinfo=JST))
    clerk = person("kaze.application")
    clerk.open("/meter-works/")
    with clerk.page.expect_navigation():
        clerk.page.click("main tbody a")
    clerk.fill(
        done_on=DESIRED.isoformat(), old_meter="OLD-1", old_reading_wh="1234000", new_meter="NEW-1", new_reading_wh="0"
    )
    clerk.page.select_option("main [name=new_kind]", "smart")
    clerk.press("main form.sheet .btn-primary")
    clerk.press("main button[name=confirmed]")
    clerk.keep("meter-exchange-told-late")
    meters = {meter.number: (meter.installed_on, meter.removed_on) for meter in relay.point.meters.all()}
    assert meters["OLD-1"][1] == DESIRED and meters["NEW-1"][0] == DESIRED
    period = SupplyPeriod.objects.get(point=relay.point, known_until=None, during__contains=DESIRED)
    assert period.retailer == play.cast.sora and supply.current_period(relay.point, DESIRED).retailer == play.cast.sora
    clerk.sign_out()


@pytest.mark.usefixtures("transactional_db")
def test_what_a_program_found_and_sent_is_on_the_screen_and_its_refusal_in_the_catalogue(sit_down, play):  # noqa: F811
    """Search by API, an error catalogue, no double typing."""
    person, _clock = sit_down
    shop = gather_points(play.cast).shop
    [house] = ready(play, 1)
    program = calling.caller(play.cast, "sora", "inquiry", "relay")
    consent = calling.good(
        program.post(
            "/consents", {"reference": "A-1", "channel": "web", "purpose": "switch", "obtained_on": "2026-04-01"}
        ),
        201,
    )
    wanted = {"address": shop.address, "supply_class": "HV", "consent": consent["id"]}
    [found] = calling.good(program.post("/searches/by-address", wanted))["items"]
    assert found["number"] == shop.number
    sent = calling.good(program.post("/relays", relay_of(house)), 201)
    problem = calling.refused(program.post("/relays", relay_of(house)), 409, "relays.point_busy")

    clerk = person("sora.relay")
    clerk.open(f"/relays/{sent['number']}/")
    contract = house.contracts.get()
    assert contract.holder_name in words(clerk) and contract.number in words(clerk), "nobody types it a second time"
    clerk.keep("relay-of-a-program")
    clerk.open("/api/")
    assert "searches/by-address" in clerk.page.content()
    clerk.keep("api-reference")
    clerk.page.click("main section:has(h3:has-text('searches/by-address')) summary")
    assert clerk.page.is_visible("main section:has(h3:has-text('searches/by-address')) td code:has-text('consent')")
    clerk.open(f"/api/errors/#{problem['code']}")
    assert clerk.page.is_visible(f"tr[id='{problem['code']}']") and str(problem["status"]) in words(clerk)
    clerk.keep("error-catalogue")
    clerk.sign_out()
