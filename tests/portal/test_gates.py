"""What is open when: before the hour a function refuses pages and verbs, and says when it opens."""

import os
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client

from metering import drop_folder
from metering.inquiries import inquire, record_consent
from portal import gates
from portal.access import Ability
from portal.gates import Closed, Hours
from portal.models import Function, Gate, LedgerEntry, MaintenanceWindow
from portal.workdays import JST
from switching import applications, relays
from tests.cast import NOW, client_of, make_points

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GATED = [function for function in Function if function != Function.EVERYTHING]
PAGES = {
    Function.FACILITY_INQUIRY: ("sora.inquiry", "/facility-inquiries/"),
    Function.RELAYS: ("sora.relay", "/relays/"),
    Function.APPLICATIONS: ("sora.application", "/applications/"),
    Function.USAGE: ("sora.usage", "/published-files/"),
}


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=JST)


def the_opening_of_2016() -> None:
    """The connectivity check on 29 February, everything from 1 March 13:00."""
    gates.open_function(Function.FACILITY_INQUIRY, opened_from=at(2016, 2, 29), by=None, now=NOW)
    gates.open_function(Function.EVERYTHING, opened_from=at(2016, 3, 1, 13), by=None, now=NOW)


def maintenance(function: Function = Function.EVERYTHING, **moments) -> MaintenanceWindow:
    given = {"begins_at": NOW + HOUR, "ends_at": NOW + 3 * HOUR, "announced_from": NOW - DAY, **moments}
    return gates.announce(
        function=function, words_ja="サーバ更新", words_en="New servers", by=None, now=NOW - 2 * DAY, **given
    )


def opening(function: Function, now: datetime) -> datetime | str | None:
    closed = Hours(now).closure(function)
    return closed.opens_at if closed else "open"


def test_without_a_calendar_everything_is_open(db):
    assert [opening(function, NOW) for function in GATED] == ["open"] * 4


def test_the_opening_of_2016(db):
    the_opening_of_2016()
    first, all_of_it = at(2016, 2, 29), at(2016, 3, 1, 13)
    before = at(2016, 2, 28, 23, 59)
    assert opening(Function.FACILITY_INQUIRY, before) == first
    assert [opening(function, before) for function in GATED[1:]] == [all_of_it] * 3
    for now in (first, at(2016, 3, 1, 12, 59)):
        assert opening(Function.FACILITY_INQUIRY, now) == "open"
        assert [opening(function, now) for function in GATED[1:]] == [all_of_it] * 3
    assert [opening(function, all_of_it) for function in GATED] == ["open"] * 4


def test_a_gate_that_closes_again_says_when_the_next_one_opens(db):
    gates.open_function(Function.RELAYS, opened_from=NOW, closed_from=NOW + HOUR, by=None, now=NOW)
    assert opening(Function.RELAYS, NOW) == "open"
    assert opening(Function.RELAYS, NOW + HOUR) is None
    gates.open_function(Function.RELAYS, opened_from=NOW + 5 * HOUR, by=None, now=NOW)
    assert opening(Function.RELAYS, NOW + HOUR) == NOW + 5 * HOUR
    assert opening(Function.USAGE, NOW) == "open"


def test_maintenance_over_an_opening_moves_it(db):
    gates.open_function(Function.RELAYS, opened_from=NOW + 2 * HOUR, by=None, now=NOW)
    maintenance()
    assert opening(Function.RELAYS, NOW) == NOW + 3 * HOUR
    assert opening(Function.USAGE, NOW) == "open"
    assert opening(Function.USAGE, NOW + HOUR) == NOW + 3 * HOUR


def test_the_calendar_of_another_environment_closes_nothing_here(db):
    gates.open_function(Function.EVERYTHING, opened_from=NOW + DAY, environment="production", by=None, now=NOW)
    assert opening(Function.RELAYS, NOW) == "open"


@pytest.mark.parametrize("function", GATED)
def test_a_closed_function_says_when_it_opens_and_the_others_stay_open(cast, function):
    gates.open_function(function, opened_from=NOW + DAY, by=None, now=NOW)
    with time_machine.travel(NOW, tick=False):
        for name, (who, page) in PAGES.items():
            answer = client_of(cast[who]).get(page)
            assert answer.status_code == (503 if name == function else 200), page
            if name == function:
                words = answer.content.decode()
                assert "2026-04-02 (木) 10:00" in words and str(function.label) in words
                assert int(answer["Retry-After"]) == 86401 and answer["Cache-Control"] == "no-store"
    with time_machine.travel(NOW + DAY, tick=False):
        who, page = PAGES[function]
        assert client_of(cast[who]).get(page).status_code == 200


def test_a_closed_function_is_still_absent_for_those_who_may_not_use_it(cast):
    gates.open_function(Function.RELAYS, opened_from=NOW + DAY, by=None, now=NOW)
    with time_machine.travel(NOW, tick=False):
        assert client_of(cast["sora.viewer"]).get("/relays/").status_code == 404
        assert Client().get("/relays/").url.startswith("/sign-in/")


def test_every_page_of_a_function_names_an_ability_of_its_gate():
    always = {
        *(Ability.ENTER, Ability.SEE_PARTICIPANTS, Ability.MANAGE_PEOPLE, Ability.ADMINISTER),
        *(Ability.SEE_ALARMS, Ability.READ_LEDGER, Ability.READ_ACCESS_LOG, Ability.WORK_ESCALATIONS),
        Ability.LAY_DOWN_RULES,
    }
    assert set(gates.FUNCTION_OF) & always == set()
    assert set(gates.FUNCTION_OF.values()) == set(GATED)


def test_verbs_refuse_as_pages_do(cast, points):
    gates.open_function(Function.EVERYTHING, opened_from=NOW + DAY, by=None, now=NOW)
    user = cast["sora.inquiry"]
    with pytest.raises(Closed) as closed:
        record_consent(reference="R-1", channel="web", purpose="switch", obtained_on=NOW.date(), by=user, now=NOW)
    assert closed.value.opens_at == NOW + DAY and "2026-04-02" in str(closed.value)
    with pytest.raises(Closed):
        inquire(number=points.house.number, supply_class="LV", consent=None, by=user, now=NOW)
    with pytest.raises(Closed):
        relays.withdraw(relay_id=1, by=cast["sora.relay"], now=NOW)
    with pytest.raises(Closed):
        relays.judge(relay_id=1, verdict=relays.Verdict.ACCEPT, by=cast["umi.relay"], now=NOW)
    with pytest.raises(Closed):
        applications.cancel(application_id=1, by=cast["sora.application"], now=NOW)
    with pytest.raises(Closed):
        applications.complete(application_id=1, by=cast["kaze.application"], now=NOW)


def test_dropped_usage_files_wait_until_usage_opens(cast, settings, tmp_path):
    settings.USAGE_DROP_DIR = tmp_path
    folder = tmp_path / "KAZE3"
    folder.mkdir()
    (folder / "usage.zip").write_text("nonsense")
    long_ago = NOW.timestamp() - 10**8
    os.utime(folder / "usage.zip", (long_ago, long_ago))
    gates.open_function(Function.USAGE, opened_from=NOW + DAY, by=None, now=NOW)
    assert drop_folder.collect_dropped(now=NOW) == drop_folder.Collected()
    assert (folder / "usage.zip").exists()
    assert drop_folder.collect_dropped(now=NOW + DAY).refused == 1


def test_a_verb_that_closes_under_ones_hands_answers_with_the_page_and_files_nothing(cast, monkeypatch):
    def shut(**_given):
        raise Closed(Function.RELAYS, NOW + DAY, None)

    monkeypatch.setattr("portal.quotas.standing", lambda *_given, **_named: shut())
    answer = client_of(cast["sora.relay"]).get("/")
    assert answer.status_code == 503 and "2026-04-02" in answer.content.decode()


# --- Maintenance --------------------------------------------------------------------------------------------------


def test_maintenance_is_told_on_every_page_before_and_while_it_runs(cast):
    maintenance(Function.RELAYS)
    inside, outside, workbench = client_of(cast["sora.relay"]), Client(), client_of(cast["hub.operator"])
    for now, words in [
        (NOW - DAY - HOUR, ""),
        (NOW, "メンテナンスのお知らせ"),
        (NOW + HOUR, "メンテナンス中です"),
        (NOW + 3 * HOUR, ""),
    ]:
        with time_machine.travel(now, tick=False):
            for client, page in [
                (inside, "/"),
                (inside, "/participants/"),
                (inside, "/no-such-page/"),
                (outside, "/sign-in/"),
                (workbench, "/workbench/"),
            ]:
                told = client.get(page).content.decode()
                assert ("サーバ更新" in told) == bool(words), (now, page)
                assert words in told
    with time_machine.travel(NOW + HOUR, tick=False):
        closed = inside.get("/relays/")
        assert closed.status_code == 503 and "2026-04-01 (水) 13:00" in closed.content.decode()


def test_maintenance_is_told_in_the_readers_language(cast):
    maintenance()
    client = client_of(cast["sora.relay"])
    client.post("/language/", {"language": "en"})
    with time_machine.travel(NOW, tick=False):
        page = client.get("/").content.decode()
    assert "New servers" in page and "サーバ更新" not in page


def test_signing_in_people_and_workbench_stay_open_during_maintenance(cast):
    maintenance()
    with time_machine.travel(NOW + 2 * HOUR, tick=False):
        assert Client().get("/sign-in/").status_code == 200
        assert client_of(cast["sora.administrator"]).get("/people/").status_code == 200
        assert client_of(cast["hub.operator"]).get("/workbench/portal/maintenancewindow/").status_code == 200


def test_the_calendar_costs_two_queries_whatever_its_length(db, django_assert_num_queries):
    for day in range(1, 30):
        gates.open_function(Function.RELAYS, opened_from=NOW + day * DAY, by=None, now=NOW)
        maintenance(begins_at=NOW + day * DAY, ends_at=NOW + day * DAY + HOUR)
    with django_assert_num_queries(2):
        hours = Hours(NOW)
        assert len(hours.announced) == 29 and hours.closure(Function.RELAYS).opens_at == NOW + DAY + HOUR


# --- The operator -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["hub.helpdesk", "hub.auditor", "sora.administrator"])
def test_only_operators_change_the_calendar(cast, who):
    by = cast[who]
    gate = gates.open_function(Function.RELAYS, opened_from=NOW, by=None, now=NOW)
    window = maintenance()
    with pytest.raises(gates.NotAllowed):
        gates.open_function(Function.USAGE, opened_from=NOW, by=by, now=NOW)
    with pytest.raises(gates.NotAllowed):
        gates.take_back(gate, by=by, now=NOW)
    with pytest.raises(gates.NotAllowed):
        gates.call_off(window, by=by, now=NOW)
    assert Gate.objects.count() == MaintenanceWindow.objects.count() == 1


def test_impossible_moments_are_refused_with_a_sentence(db):
    with pytest.raises(gates.EndsBeforeItBegins):
        gates.open_function(Function.RELAYS, opened_from=NOW, closed_from=NOW, by=None, now=NOW)
    with pytest.raises(gates.EndsBeforeItBegins):
        maintenance(ends_at=NOW + HOUR)
    with pytest.raises(gates.AnnouncedTooLate):
        maintenance(announced_from=NOW + 2 * HOUR)
    gates.open_function(Function.RELAYS, opened_from=NOW, by=None, now=NOW)
    with pytest.raises(gates.OpensAlready):
        gates.open_function(Function.RELAYS, opened_from=NOW, by=None, now=NOW)


@pytest.mark.parametrize("ends_at", [NOW - HOUR, NOW])
def test_the_database_keeps_the_order_of_moments(db, ends_at):
    with pytest.raises(IntegrityError, match="maintenance_ends_after_it_begins"), transaction.atomic():
        MaintenanceWindow.objects.create(
            environment="test", begins_at=NOW, ends_at=ends_at, announced_from=NOW - DAY, words_ja="x", words_en="x"
        )
    with pytest.raises(IntegrityError, match="a_gate_closes_after_it_opens"), transaction.atomic():
        Gate.objects.create(environment="test", function="relays", opened_from=NOW, closed_from=ends_at)


def test_the_operator_opens_and_takes_back_in_the_workbench(cast):
    client, bench = client_of(cast["hub.operator"]), "/workbench/portal"
    form = {
        **{"environment": "test", "function": "relays", "note": ""},
        **{"opened_from_0": "2030-03-01", "opened_from_1": "13:00", "closed_from_0": "", "closed_from_1": ""},
    }
    assert client.post(f"{bench}/gate/add/", form).status_code == 302
    gate = Gate.objects.get()
    assert gate.opened_from == at(2030, 3, 1, 13)
    again = client.post(f"{bench}/gate/add/", form)
    assert again.status_code == 200 and "すでに登録されています" in again.content.decode()
    assert client_of(cast["sora.relay"]).get("/relays/").status_code == 503
    assert client.post(f"{bench}/gate/{gate.pk}/delete/", {"post": "yes"}).status_code == 302
    assert client_of(cast["sora.relay"]).get("/relays/").status_code == 200
    done = list(LedgerEntry.objects.filter(subject="gate test relays").order_by("id").values_list("action", flat=True))
    assert done == ["gate set", "gate taken back"]


def test_the_operator_announces_maintenance_in_the_workbench(cast):
    client, bench = client_of(cast["hub.operator"]), "/workbench/portal/maintenancewindow"
    form = {
        **{"environment": "test", "function": "everything", "words_ja": "停電", "words_en": ""},
        **{"begins_at_0": "2030-03-01", "begins_at_1": "13:00", "ends_at_0": "2030-03-01", "ends_at_1": "12:00"},
        **{"announced_from_0": "2030-02-01", "announced_from_1": "00:00"},
    }
    refused = client.post(f"{bench}/add/", form)
    assert refused.status_code == 200 and not MaintenanceWindow.objects.exists()
    form |= {"words_en": "Power cut"}
    assert "2つの日時をご確認ください" in client.post(f"{bench}/add/", form).content.decode()
    assert client.post(f"{bench}/add/", form | {"ends_at_1": "18:00"}).status_code == 302
    window = MaintenanceWindow.objects.get()
    assert client.post(f"{bench}/{window.pk}/delete/", {"post": "yes"}).status_code == 302
    done = LedgerEntry.objects.filter(subject="maintenance test everything").order_by("id")
    assert list(done.values_list("action", flat=True)) == ["maintenance announced", "maintenance called off"]


@pytest.mark.parametrize("who", ["hub.helpdesk", "hub.auditor"])
def test_helpdesk_and_auditor_look_at_the_calendar_and_do_not_touch_it(cast, who):
    gate = gates.open_function(Function.RELAYS, opened_from=NOW, by=None, now=NOW)
    client, bench = client_of(cast[who]), "/workbench/portal/gate"
    assert client.get(f"{bench}/").status_code == 200
    assert client.get(f"{bench}/add/").status_code == 403
    assert client.post(f"{bench}/{gate.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_point_page_stays_reachable_while_relays_are_closed(cast):
    [point] = make_points(cast, 1)
    gates.open_function(Function.RELAYS, opened_from=NOW + DAY, by=None, now=NOW)
    with time_machine.travel(NOW, tick=False):
        assert client_of(cast["umi.viewer"]).get(f"/supply-points/{point.number}/").status_code == 200
