"""The network operator's duty to answer: its clock, reminders, escalation, and where each is shown."""

from datetime import date, datetime, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from portal import inbox
from portal.models import LedgerEntry, Notice
from portal.workdays import JST, Workdays, jst_date
from switching import answer_duties, answers, applications, deadlines, escalations, network_policies, network_work
from switching.models import Escalation
from switching.states import ApplicationState
from tests.cast import NOW, client_of
from tests.switching.cases import DESIRED
from tests.switching.paging import said
from tests.switching.test_relay_pages import english

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
THURSDAY_END = datetime(2026, 4, 2, 23, 59, tzinfo=JST)
PLAIN = Workdays()


def submitted(play, now=NOW, **more):
    return play.file("ampere_change", play.point(), now=now, **more)


def accept(play, application, now=NOW):
    return answers.accept(application_id=application.pk, by=play.cast["kaze.application"], now=now)


# --- Until when


def test_an_answer_is_due_at_the_end_of_the_next_business_day(play):
    application = submitted(play)
    assert (application.submitted_at, application.answer_due_at) == (NOW, THURSDAY_END)


def test_what_goes_on_by_itself_waits_for_no_answer(play):
    assert play.start(play.point()).answer_due_at is None


def test_golden_week_is_not_counted(play):
    before = datetime(2026, 5, 1, 10, tzinfo=JST)
    application = submitted(play, now=before, day=date(2026, 6, 1))
    assert application.answer_due_at == datetime(2026, 5, 7, 23, 59, tzinfo=JST)


def test_an_answer_is_not_due_after_the_last_day_on_which_it_helps(play):
    application = play.file("termination", play.point(), day=jst_date(NOW))
    assert application.answer_due_at == datetime(2026, 4, 1, 23, 59, tzinfo=JST)


@given(
    submitted=st.datetimes(datetime(2016, 1, 1), datetime(2035, 12, 31), timezones=st.just(JST)),
    ahead=st.integers(-31, 180),
)
def test_an_answer_is_always_due_after_the_submission_and_never_after_the_next_business_day(submitted, ahead):
    submitted = submitted.replace(hour=min(submitted.hour, 22))
    due = deadlines.answer_due(submitted, jst_date(submitted) + timedelta(days=ahead), PLAIN)
    assert submitted < due and jst_date(due) <= PLAIN.add(jst_date(submitted), 1)
    assert ahead < 0 or jst_date(due) <= jst_date(submitted) + timedelta(days=ahead)


def test_a_corrected_application_is_answered_anew_in_its_own_time(play, cast):
    application = submitted(play)
    later = NOW + timedelta(hours=20)
    corrected = applications.correct(
        application_id=application.pk,
        desired_date=application.desired_date,
        given={"ampere": 50},
        reason="",
        by=cast["umi.application"],
        now=later,
    )
    corrected.refresh_from_db()
    assert corrected.answer_due_at == THURSDAY_END + timedelta(days=1)


def test_the_time_of_a_draft_begins_when_it_is_filed(play, cast):
    draft = applications.file(
        kind="ampere_change",
        point=play.point(),
        desired_date=DESIRED,
        given={"ampere": 30},
        by=cast["umi.application"],
        now=NOW,
        as_draft=True,
    )
    assert draft.answer_due_at is None
    filed = applications.file_draft(application_id=draft.pk, by=cast["umi.application"], now=NOW + timedelta(days=1))
    filed.refresh_from_db()
    assert filed.answer_due_at == THURSDAY_END + timedelta(days=1)


def test_a_termination_that_a_person_looks_at_has_its_time_too(play, cast):
    network_policies.lay_down(
        network_operator=cast.kaze,
        kind="switch_termination",
        supply_class="LV",
        meter_work=False,
        needs_person=True,
        by=None,
        now=NOW,
    )
    termination = play.accepted(play.point()).applications.get()
    assert termination.state == ApplicationState.SUBMITTED and termination.answer_due_at == THURSDAY_END


# --- Reminders and escalation


def test_reminders_come_at_half_and_at_four_fifths_then_it_is_escalated_once(cast, play):
    application = submitted(play)
    span = THURSDAY_END - NOW
    for share, sent in ((0.49, 0), (0.5, 1), (0.79, 0), (0.8, 1), (0.99, 0)):
        assert answer_duties.remind_due(now=NOW + span * share) == sent, share
    assert set(Notice.objects.filter(kind="application_reminder").values_list("recipient", flat=True)) == {cast.kaze.pk}
    assert answer_duties.escalate_overdue(now=THURSDAY_END - timedelta(seconds=1)) == 0
    assert answer_duties.escalate_overdue(now=THURSDAY_END) == 1
    assert answer_duties.escalate_overdue(now=THURSDAY_END) == 0
    one = application.escalations.get()
    assert (one.duty, one.company, one.due_at) == (Escalation.Duty.ANSWER, cast.kaze, THURSDAY_END)
    told = set(Notice.objects.filter(kind="application_unanswered").values_list("recipient", flat=True))
    assert told == {cast.kaze.pk, cast.umi.pk, cast.hub.pk}
    assert LedgerEntry.objects.filter(action="application.answer_missed").count() == 1
    assert accept(play, application, now=THURSDAY_END).state == ApplicationState.ACCEPTED, "late, but it goes on"


def test_what_is_answered_is_neither_reminded_of_nor_escalated(play):
    accept(play, submitted(play))
    assert answer_duties.remind_due(now=NOW + timedelta(hours=30)) == 0
    assert answer_duties.escalate_overdue(now=THURSDAY_END) == 0


def test_an_escalated_answer_is_worked_through_by_the_hub_operator(cast, play):
    application = submitted(play)
    answer_duties.escalate_overdue(now=THURSDAY_END)
    relay_missed = play.relay(play.point())
    operator = english(client_of(cast["hub.operator"]))
    listed = said(operator.get("/escalations/"))
    assert application.number in listed and "Kaze" in listed and relay_missed.number not in listed
    assert cast.kaze.name not in listed, "the filter's choices are in the reader's language too"
    for query, found in (
        ({"company": cast.kaze.pk}, 1),
        ({"area": "03", "supply_class": "LV"}, 1),
        ({"area": "01"}, 0),
        ({"supply_class": "HV"}, 0),
        ({"q": application.number}, 1),
        ({"q": relay_missed.number}, 0),
        ({"sort": "company"}, 1),
    ):
        assert operator.get("/escalations/", query).context["list"].rows.count() == found, query
    [record] = escalations.records(now=THURSDAY_END)
    assert (record.company_id, record.still_open, record.answers, record.judgements) == (cast.kaze.pk, 1, 1, 0)
    way = f"/escalations/{application.escalations.get().pk}/"
    page = said(operator.get(way))
    assert f"Escalation of application {application.number}" in page and "answer to an application" in page
    assert application.point.number not in page
    assert operator.post(way, {"text": "They staffed the desk anew", "close": "1"}).url == "/escalations/"
    assert LedgerEntry.objects.get(action="escalation.close").subject == f"application {application.number}"
    assert client_of(cast["kaze.application"]).get(way).status_code == 404


# --- Where it is shown


def test_the_work_list_and_the_inbox_name_the_day_and_what_silence_leads_to(cast, play):
    submitted(play, day=date(2026, 4, 20))
    kaze = cast["kaze.application"]
    assert [row.duty_due for row in network_work.of(kaze)] == [date(2026, 4, 2)]
    [task] = [task for task in inbox.tasks_of(kaze, now=NOW) if task.kind == "network.answer"]
    assert task.due_at == THURSDAY_END and "広域機関" in task.note


def test_the_work_list_is_sorted_by_the_time_of_the_answer_not_by_the_desired_date(cast, play):
    second = submitted(play, now=NOW + timedelta(days=1), day=date(2026, 4, 10))
    first = submitted(play, day=date(2026, 4, 30))
    assert [row.number for row in network_work.of(cast["kaze.application"])] == [first.number, second.number]


def test_the_case_tells_both_sides_whose_turn_it_is_until_when_why_and_what_silence_leads_to(cast, play):
    before = datetime(2026, 5, 1, 10, tzinfo=JST)
    application = submitted(play, now=before, day=date(2026, 6, 1))
    way = f"/applications/{application.number}/"
    with time_machine.travel(before, tick=False):
        page = said(english(client_of(cast["kaze.application"])).get(way))
        assert "Your turn: accept or reject the application. until 2026-05-07 (Thu) 23:59" in page
        assert "The end of the next business day after the submission on 2026-05-01 (Fri)." in page
        assert "憲法記念日" in page and "the hub operator is told" in page
        page = said(english(client_of(cast["umi.application"])).get(way))
        assert "The network operator's turn: it accepts or rejects the application. until 2026-05-07" in page


def test_a_start_tells_the_cut_off_after_which_it_ends(cast, play):
    point = play.point()
    start = play.start(point, relay=play.accepted(point), meter_work=True, desired_date=date(2026, 4, 15))
    page = said(english(client_of(cast["sora.application"])).get(f"/applications/{start.number}/"))
    assert "until 2026-04-02 (Thu) 23:59" in page and "matching cut-off 2026-04-14 (Tue)" in page
