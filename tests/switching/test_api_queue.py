"""The queue over the quota through the API: a 202 leads to an entry with its place; taken out, and by nobody else."""

import pytest

from portal import quotas
from portal.models import LedgerEntry, Over, Registration
from portal.people import Hold
from switching.models import QueuedRegistration
from tests import calling
from tests.calling import good, refused
from tests.cast import NOW
from tests.switching.bulk import sending
from tests.switching.cases import HOLDER, Play

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def sora(cast):
    return calling.caller(cast, "sora", "relay", "inquiry")


@pytest.fixture
def queued(cast, sora):
    """Two relays over a quota of one, by the API; the number of the second."""
    play = Play(cast, NOW)
    quotas.set_quota(cast.sora, Registration.RELAY, most=1, over=Over.QUEUE, by=None, now=NOW)
    answers = []
    for point in sending.ready(play, 3):
        row = sending.relay_row(point)
        names = ("losing_retailer", "contract_number", "holder_name", "holder_kana", "holder_address", "desired_date")
        entries = {name: row[name] for name in names} | {"point": point.number, "contact_person": "空 太郎"}
        answers.append(sora.post("/relays", entries))
    assert [answer.status_code for answer in answers] == [201, 202, 202]
    return good(answers[2], 202)["queue_number"]


def test_what_waits_has_a_place_and_a_day(sora, queued):
    rows = good(sora.get("/queue"))["items"]
    assert [(row["place"], row["state"], row["became"]) for row in rows] == [(2, "waiting", None), (1, "waiting", None)]
    assert HOLDER not in str(rows)
    one = good(sora.get(f"/queue/{queued}"))
    assert (one["place"], one["expected_on"], one["losing_retailer"]) == (2, "2026-04-03", "UM1E3")
    assert one["holder_name"] == HOLDER
    assert LedgerEntry.objects.filter(action="queue.read", subject=f"queue {queued}", user__is_machine=True).exists()


def test_it_is_taken_out_while_it_waits_and_not_twice(sora, queued):
    assert good(sora.post(f"/queue/{queued}/withdrawal"))["state"] == "withdrawn"
    said = refused(sora.post(f"/queue/{queued}/withdrawal"), 409, "registration_queue.already_ended")
    assert said["detail"] and QueuedRegistration.objects.get(number=queued).ended_at == NOW
    assert [row["place"] for row in good(sora.get("/queue?state=waiting"))["items"]] == [1]


def test_a_second_entry_for_the_point_names_the_first(sora, queued):
    entry = QueuedRegistration.objects.get(number=queued)
    names = ("contract_number", "holder_name", "holder_kana", "holder_address", "contact_person")
    again = {name: getattr(entry, name) for name in names}
    again |= {"point": entry.point.number, "losing_retailer": "UM1E3", "desired_date": str(entry.desired_date)}
    assert queued in refused(sora.post("/relays", again), 409, "registration_queue.already_waiting")["detail"]


def test_the_queue_is_narrowed_and_paged(sora, queued):
    assert good(sora.get("/queue?registration=switch_start"))["items"] == []
    assert good(sora.get("/queue?area=06"))["items"] == good(sora.get("/queue?supply_class=HV"))["items"] == []
    page = good(sora.get("/queue?limit=1"))
    rest = good(sora.get(f"/queue?limit=1&cursor={page['next_cursor']}"))
    assert [row["number"] for row in page["items"]] == [queued] and len(rest["items"]) == 1


def test_others_and_other_areas_find_nothing_in_it(cast, queued):
    for api in (
        calling.caller(cast, "yama", "relay"),
        calling.caller(cast, "umi", "relay"),
        calling.caller(cast, "sora", "application"),
        calling.caller(cast, "sora", Hold("relay", "06", "")),
    ):
        assert good(api.get("/queue"))["items"] == []
        refused(api.get(f"/queue/{queued}"), 404, "api.not_found")
        refused(api.post(f"/queue/{queued}/withdrawal"), 404, "api.not_found")
