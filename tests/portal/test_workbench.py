"""The operator's workbench: what is saved there went through the verbs."""

from datetime import date

import pytest
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal import outbox, people, workdays
from portal.models import Company, Delivery, ExtraHoliday, LedgerEntry, User
from portal.outbox import Post
from tests.cast import NOW, client_of

BENCH = "/workbench/portal"


@pytest.fixture
def operator(hub_operator) -> Client:
    return client_of(hub_operator)


def inline(name: str, rows: list[dict], initial: int = 0) -> dict:
    data = {f"{name}-TOTAL_FORMS": len(rows), f"{name}-INITIAL_FORMS": initial}
    for at, row in enumerate(rows):
        data |= {f"{name}-{at}-{key}": value for key, value in row.items()}
    return data


def company_form(company: Company, **more) -> dict:
    return {
        "name": company.name,
        "name_en": company.name_en,
        "registration_number": company.registration_number,
        "corporate_number": company.corporate_number,
        "notice_address": company.notice_address,
        **more,
    }


def parts_of(company: Company) -> list[dict]:
    return [
        {"id": p.pk, "company": company.pk, "market_role": p.market_role, "area": p.area, "code": p.code}
        for p in company.participations.all()
    ]


def test_every_table_opens_for_every_hub_role(cast):
    cast["sora.relay"]
    people.suspend(cast["sora.viewer"], by=None, now=NOW)
    for who in ("hub.operator", "hub.helpdesk", "hub.auditor"):
        client = client_of(cast[who])
        tables = ("company", "user", "ledgerentry", "notice", "delivery", "extraholiday", "jobrun")
        for table in tables:
            assert client.get(f"{BENCH}/{table}/").status_code == 200, (who, table)
        assert client.get("/workbench/").status_code == 200


def test_a_new_company_leaves_evidence(operator, hub_operator):
    answer = operator.post(f"{BENCH}/company/add/", {"name": "星電力", "registration_number": "A0777"})
    company = Company.objects.get(name="星電力")
    assert answer.status_code == 302 and answer.url.endswith(f"/company/{company.pk}/change/")
    assert LedgerEntry.objects.get(action="company registered", subject=f"company {company.pk}").user == hub_operator


def test_a_refused_company_keeps_the_entries_and_says_why(operator):
    answer = operator.post(f"{BENCH}/company/add/", {"name": "星電力", "corporate_number": "1234567890123"})
    page = answer.content.decode()
    assert answer.status_code == 200 and "法人番号は13桁" in page and 'value="1234567890123"' in page
    assert not Company.objects.filter(name="星電力").exists()


def test_participations_are_taken_changed_and_ended_through_the_verbs(operator, sora):
    rows = parts_of(sora)
    rows[0]["code"] = "S0RA8"
    rows[1]["DELETE"] = "on"
    rows.append({"id": "", "company": sora.pk, "market_role": "retailer", "area": "01", "code": "S0RA1"})
    data = company_form(sora, name_en="Sora!") | inline("participations", rows, initial=2)
    before = LedgerEntry.objects.latest("id").pk
    answer = operator.post(f"{BENCH}/company/{sora.pk}/change/", data)
    assert answer.status_code == 302, answer.content.decode()
    assert sorted(sora.participations.values_list("area", "code")) == [("01", "S0RA1"), ("03", "S0RA8")]
    done = LedgerEntry.objects.filter(pk__gt=before).order_by("id").values_list("action", flat=True)
    assert list(done) == ["company changed", "company leaves", "company takes part", "company takes part"]


def test_a_code_in_use_is_refused_in_the_form(operator, sora):
    rows = parts_of(sora)
    rows.append({"id": "", "company": sora.pk, "market_role": "network_operator", "area": "03", "code": "S0RA1"})
    answer = operator.post(
        f"{BENCH}/company/{sora.pk}/change/", company_form(sora) | inline("participations", rows, initial=2)
    )
    errors = str(answer.context["errors"])
    assert answer.status_code == 200 and "すでに一般送配電事業者" in errors


def test_a_new_user_gets_roles_on_the_next_page(operator, sora):
    answer = operator.post(
        f"{BENCH}/user/add/",
        {"company": sora.pk, "username": "sora.haru", "name": "春", "email": "haru@sora.example"},
    )
    user = User.objects.get(username="sora.haru")
    assert answer.url.endswith(f"/user/{user.pk}/change/")
    assert not user.has_usable_password() and user.letters.count() == 1, "a link that sets the password is on its way"
    grants = [{"id": "", "user": user.pk, "role": "relay", "area": "03", "supply_class": ""}]
    answer = operator.post(answer.url, {"name": "春子", "email": "haru@sora.example"} | inline("grants", grants))
    assert answer.status_code == 302, answer.content.decode()
    user.refresh_from_db()
    assert user.name == "春子" and list(user.grants.values_list("role", "area")) == [("relay", "03")]
    assert not user.has_usable_password()
    assert LedgerEntry.objects.filter(action="roles set", subject="user sora.haru").count() == 1


def test_a_hub_role_for_a_retailers_person_is_refused(operator, sora_relay):
    grants = [{"id": "", "user": sora_relay.pk, "role": "operator", "area": "", "supply_class": ""}]
    answer = operator.post(
        f"{BENCH}/user/{sora_relay.pk}/change/", {"name": "x", "email": ""} | inline("grants", grants)
    )
    assert answer.status_code == 200 and "広域機関のユーザだけの役割" in answer.content.decode()


def test_no_page_shows_a_password_hash_or_a_second_factors_key(operator, sora_relay):
    page = operator.get(f"{BENCH}/user/{sora_relay.pk}/change/").content.decode()
    assert sora_relay.password not in page
    assert operator.get("/workbench/otp_totp/totpdevice/").status_code == 404


def act(client: Client, table: str, action: str, *rows):
    return client.post(
        f"{BENCH}/{table}/", {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True
    )


def test_actions_call_the_verbs(operator, sora, sora_relay, sora_administrator):
    page = act(operator, "user", "suspend", sora_relay, sora_administrator).content.decode()
    sora_relay.refresh_from_db()
    sora_administrator.refresh_from_db()
    assert not sora_relay.is_active and sora_administrator.is_active
    assert "最後の管理者ユーザ" in page and "1件を処理しました" in page
    act(operator, "user", "thaw", sora_relay)
    act(operator, "user", "reset_second_factor", sora_relay)
    assert not TOTPDevice.objects.filter(user=sora_relay).exists()
    act(operator, "company", "suspend", sora)
    sora.refresh_from_db()
    assert not sora.is_active
    act(operator, "company", "thaw", sora)
    actions = set(LedgerEntry.objects.values_list("action", flat=True))
    assert {"user suspended", "user thawed", "second factor reset", "company suspended", "company thawed"} <= actions


@pytest.mark.parametrize("who", ["hub.helpdesk", "hub.auditor"])
def test_helpdesk_and_auditor_look_and_do_not_touch(cast, who):
    client, user = client_of(cast[who]), cast["sora.relay"]
    assert client.get(f"{BENCH}/user/{user.pk}/change/").status_code == 200
    assert client.post(f"{BENCH}/user/{user.pk}/change/", {"name": "x"}).status_code == 403
    assert client.get(f"{BENCH}/user/add/").status_code == 403
    act(client, "user", "suspend", user)
    user.refresh_from_db()
    assert user.is_active


@pytest.mark.parametrize("table", ["company", "user", "ledgerentry", "notice", "delivery", "jobrun"])
def test_nothing_is_deleted_in_the_workbench(operator, sora, sora_relay, table):
    row = {"company": sora, "user": sora_relay}.get(table)
    pk = row.pk if row else LedgerEntry.objects.first().pk
    assert operator.post(f"{BENCH}/{table}/{pk}/delete/", {"post": "yes"}).status_code in {302, 403}
    assert Company.objects.filter(pk=sora.pk).exists() and User.objects.filter(pk=sora_relay.pk).exists()


def test_given_up_mails_are_sent_again(operator, sora):
    outbox.post(Post(sora.pk, "user_thawed", "user x", context={"username": "x"}), now=NOW)
    Delivery.objects.update(state=Delivery.State.GIVEN_UP, attempts=20)
    assert "1件を再送待ち" in act(operator, "delivery", "send_again", Delivery.objects.get()).content.decode()
    assert Delivery.objects.get().state == Delivery.State.WAITING


def test_extra_holidays_are_set_and_taken_back_with_evidence(operator):
    operator.post(f"{BENCH}/extraholiday/add/", {"area": "10", "day": "2026-06-23", "name": "慰霊の日"})
    holiday = ExtraHoliday.objects.get()
    answer = operator.post(f"{BENCH}/extraholiday/add/", {"area": "10", "day": "2026-06-23", "name": "x"})
    assert answer.status_code == 200
    operator.post(f"{BENCH}/extraholiday/{holiday.pk}/delete/", {"post": "yes"})
    assert not ExtraHoliday.objects.exists()
    actions = LedgerEntry.objects.filter(subject="area 10 2026-06-23").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["extra holiday set", "extra holiday taken back"]


def test_a_holiday_moved_by_law_is_worked_in_the_area(operator):
    entry = {"area": "03", "day": "2026-07-20", "name": "海の日が移動", "is_business_day": "on"}
    operator.post(f"{BENCH}/extraholiday/add/", entry)
    day = date(2026, 7, 20)
    assert workdays.of_area("03").is_open(day) and not workdays.of_area("06").is_open(day)
    assert workdays.of_areas()["03"] == workdays.of_area("03")
    assert LedgerEntry.objects.filter(action="business day set", subject="area 03 2026-07-20").count() == 1
