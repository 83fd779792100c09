"""Movement information through the API: told, replaced, withdrawn, seen by the network operator; and every refusal."""

from datetime import date

import pytest

from metering.models import SupplyPoint
from portal.models import Event, LedgerEntry
from portal.people import Hold
from switching import movements
from switching.models import Movement
from tests import calling
from tests.calling import good, refused
from tests.cast import NOW
from tests.switching.bulk import sending
from tests.switching.cases import Play

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
DAY = "2026-04-20"


@pytest.fixture
def play(cast):
    return Play(cast, NOW)


@pytest.fixture
def sora(cast):
    return calling.caller(cast, "sora", "application")


def known(play, point=None, who="sora"):
    """A point the company has inquired about."""
    point = point or play.point()
    sending.inquire(play, [point], who)
    return point


def plan(point, /, **changes):
    return {"point": point.number, "kind": "switch", "wished_on": DAY, "reference": "M-1", **changes}


def test_a_movement_is_told_read_and_withdrawn_and_the_network_operator_reads_along(cast, play, sora):
    point = known(play)
    answer = sora.post("/movements", plan(point))
    told = good(answer, 201)
    assert answer["Location"] == f"/api/v1/movements/{told['id']}"
    assert (told["state"], told["retailer"], told["reference"], told["meter_work"]) == (
        *("planned", "S0RA3", "M-1"),
        True,
    ), "no smart meter stands there"
    kaze = calling.caller(cast, "kaze", "viewer")
    [seen] = good(kaze.get("/movements"))["items"]
    assert (seen["id"], seen["is_own"], seen["reference"]) == (told["id"], False, None)
    ended = good(sora.post(f"/movements/{told['id']}/withdrawal"))
    assert ended["state"] == "withdrawn" and ended["ended_at"]
    assert good(kaze.get("/movements"))["items"] == []
    assert good(kaze.get(f"/movements/{told['id']}"))["state"] == "withdrawn"
    assert [row["state"] for row in good(sora.get("/movements?ended=true"))["items"]] == ["withdrawn"]
    refused(sora.post(f"/movements/{told['id']}/withdrawal"), 409, "movements.over")
    assert LedgerEntry.objects.filter(subject=f"movement {told['id']}", user__is_machine=True).count() == 2


def test_the_address_an_event_of_a_movement_names_is_there_for_who_was_told(cast, play, sora):
    good(sora.post("/movements", plan(known(play))), 201)
    for company in ("sora", "kaze"):
        api = calling.caller(cast, company, "viewer")
        [event] = [one for one in good(api.get("/events"))["items"] if one.get("kind") == "movement.announce"]
        good(api.get(event["resource"].partition("/api/v1")[2]))


def test_another_plan_for_the_point_replaces_the_first(play, sora):
    point = known(play)
    first = good(sora.post("/movements", plan(point)), 201)
    second = good(sora.post("/movements", plan(point, wished_on="2026-04-21")), 201)
    rows = good(sora.get(f"/movements?point={point.number}&ended=true"))["items"]
    assert [(row["id"], row["state"]) for row in rows] == [(second["id"], "planned"), (first["id"], "replaced")]


def test_a_check_tells_nobody(play, sora):
    point = known(play)
    assert good(sora.post("/movements", plan(point, dry_run=True)))["is_possible"]
    said = good(sora.post("/movements", plan(point, kind="ampere_change", dry_run=True)))
    assert said["problem"]["code"] == "movements.not_ours" and said["problem"]["errors"][0]["pointer"] == "/kind"
    assert not Movement.objects.exists() and not Event.objects.filter(kind="movement.announce").exists()


def test_lists_are_narrowed_by_day_area_class_and_kind(cast, play, sora):
    here, there = known(play), known(play, play.point(area="06"))
    good(sora.post("/movements", plan(here)), 201)
    good(sora.post("/movements", plan(there, wished_on="2026-05-20")), 201)

    def found(query):
        return [row["point"] for row in good(sora.get(f"/movements?{query}"))["items"]]

    assert found("area=06") == found("wished_from=2026-05-01") == [there.number]
    assert found("wished_until=2026-04-20") == found(f"point={here.number[:2]}") == [here.number]
    assert found("supply_class=HV") == found("kind=reconnection") == found("meter_work=false") == []
    page = good(sora.get("/movements?limit=1"))
    assert [row["point"] for row in page["items"]] == [there.number]
    rest = good(sora.get(f"/movements?limit=1&cursor={page['next_cursor']}"))
    assert ([row["point"] for row in rest["items"]], rest["next_cursor"]) == ([here.number], None)
    narrow = calling.caller(cast, "sora", Hold("application", "06", ""))
    assert [row["point"] for row in good(narrow.get("/movements"))["items"]] == [there.number]


def test_strangers_find_no_movement_and_the_network_operator_withdraws_none(cast, play, sora):
    number = good(sora.post("/movements", plan(known(play))), 201)["id"]
    yama, kaze = (calling.caller(cast, who, "application") for who in ("yama", "kaze"))
    assert good(yama.get("/movements?ended=true"))["items"] == []
    refused(yama.get(f"/movements/{number}"), 404, "api.not_found")
    refused(yama.post(f"/movements/{number}/withdrawal"), 404, "api.not_found")
    refused(kaze.post(f"/movements/{number}/withdrawal"), 403, "api.role_missing")
    assert Movement.objects.get(pk=number).ended_at is None


@pytest.mark.parametrize(
    ("changes", "status", "code", "pointer"),
    [
        ({"wished_on": "2026-04-01"}, 422, "movements.date_not_possible", "/wished_on"),
        ({"wished_on": "tomorrow"}, 422, "api.entries_wrong", "/wished_on"),
        ({"kind": "reconnection"}, 409, "movements.somebody_supplies", "/kind"),
        ({"kind": "ampere_change"}, 409, "movements.not_ours", "/kind"),
        ({"kind": "departure"}, 422, "api.entries_wrong", "/kind"),
        ({"point": "0311112222333344445555"}, 422, "cases.point_not_asked", "/point"),
        ({"remark": "x"}, 422, "api.entries_wrong", "/remark"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_at_its_entry(play, sora, changes, status, code, pointer):
    said = refused(sora.post("/movements", plan(known(play), **changes)), status, code)
    assert [wrong["pointer"] for wrong in said["errors"]] == [pointer] and said["what_to_do"]
    assert not Movement.objects.exists()


def test_what_stands_already_what_is_ours_and_what_is_gone(cast, play, sora):
    point = known(play)
    told = good(sora.post("/movements", plan(point)), 201)
    assert refused(sora.post("/movements", plan(point)), 409, "movements.told_already")["movement"] == told["id"]
    own = known(play, play.point(supplier=cast.sora))
    refused(sora.post("/movements", plan(own)), 409, "movements.already_ours")
    vacant = known(play, play.vacant())
    refused(sora.post("/movements", plan(vacant)), 409, "movements.nobody_supplies")
    vacant.contract_state = SupplyPoint.ContractState.REMOVED
    vacant.save()
    refused(sora.post("/movements", plan(vacant, kind="reconnection")), 409, "movements.point_removed")


def test_without_a_code_in_the_area_nothing_is_planned(cast, play, sora):
    point = known(play, play.point(area="09"))
    assert "/point" in str(refused(sora.post("/movements", plan(point)), 403, "movements.no_part_in_area")["errors"])


def test_a_program_with_a_role_for_another_area_plans_nothing_here(cast, play):
    api = calling.caller(cast, "sora", Hold("application", "06", ""), Hold("inquiry", "", ""))
    refused(api.post("/movements", plan(known(play))), 422, "cases.point_not_asked")
    plan_of_sora = movements.announce(
        point=play.point(), kind="switch", wished_on=date(2026, 4, 15), by=cast["sora.application"], now=NOW
    )
    refused(api.post(f"/movements/{plan_of_sora.pk}/withdrawal"), 404, "api.not_found")
    reads_here = calling.caller(cast, "sora", Hold("application", "06", ""), Hold("viewer", "03", ""))
    refused(reads_here.post(f"/movements/{plan_of_sora.pk}/withdrawal"), 403, "movements.not_yours")


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_of_movements_costs_the_same_however_long(cast, play, sora, count, django_assert_max_num_queries):
    for _each in range(count):
        movements.announce(
            point=play.point(), kind="switch", wished_on=date(2026, 4, 15), by=cast["sora.application"], now=NOW
        )
    token = sora.token
    kept, type(sora).token = type(sora).token, property(lambda self: token)
    try:
        with django_assert_max_num_queries(13):
            assert len(good(sora.get("/movements"))["items"]) == count
    finally:
        type(sora).token = kept
