"""What the database itself refuses, tried with plain SQL past all verbs."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from switching import answers, escalations, matching, relays, threads, undoing
from tests.switching.undoings import AFTER, Undo

pytestmark = pytest.mark.django_db

CANCELLATION = """INSERT INTO switching_cancellation (application_id, requested_at, requested_by_id, status, reason,
    answered_at, answered_by_id, answer) VALUES (%(start)s, now(), %(person)s, {});"""
ANSWER = """INSERT INTO switching_networkanswer (application_id, at, by_id, verdict, codes, text)
    VALUES (%(start)s, now(), %(person)s, {})"""
WORK = """INSERT INTO switching_meterwork (point_id, application_id, planned_on, planned_at, planned_by_id, kind,
    done_on, reported_at, reported_by_id, old_reading_wh)
    VALUES (%(other_point)s, %(start)s, now(), now(), %(person)s, {});"""
UNDOING = """INSERT INTO switching_undocase (kind, state, phase, reason, declared_on, due_at, number, outcome,
    opened_at, point_id, gaining_retailer_id, losing_retailer_id, relay_id, match_id)
    SELECT {}, 'U' || nextval('switching_case_number'), '', now(), point_id, gaining_retailer_id,
    losing_retailer_id, id, %(match)s FROM switching_relay WHERE id = %(relay)s;"""
APPROVAL = """INSERT INTO switching_approval (case_id, company_id, by_id, at, word, reason, text, channel, given_on,
    reference, sha256) SELECT %(case)s, company_id, id, now(), {} FROM portal_user WHERE id = %(person)s;"""

ATTEMPTS = {
    "one_open_undoing_per_point": UNDOING.format("'cooling_off', 'asked', 'matched', '', now(), now()")
    + UNDOING.format("'reversal', 'escalated', '', 'hub_fault', NULL, now()"),
    "one_open_warning_of_darkness_per_point": 2 * UNDOING.format("'dark_point', 'asked', '', '', NULL, now()"),
    "a_customer_denies_a_relay_once": """UPDATE switching_undocase SET kind = 'fraud', reason = '', relay_id = %(relay)s
        WHERE id = %(case)s;"""
    + UNDOING.format("'fraud', 'escalated', '', '', NULL, now()"),
    "an_undoing_is_about_a_point_or_a_leaving_retailer": UNDOING.format("'market_exit', 'asked', '', '', NULL, now()"),
    "cooling_off_has_a_phase_and_the_customers_day": UNDOING.format("'cooling_off', 'asked', '', '', now(), now()"),
    "a_reversal_and_only_a_reversal_has_a_reason": UNDOING.format("'fraud', 'asked', '', 'hub_fault', NULL, now()"),
    "a_reversal_undoes_a_match": """UPDATE switching_undocase SET match_id = NULL WHERE id = %(case)s;""",
    "an_ended_undoing_has_its_hour": "UPDATE switching_undocase SET closed_at = NULL WHERE id = %(case)s",
    "a_question_has_a_deadline": UNDOING.format("'dark_point', 'asked', '', '', NULL, NULL"),
    "what_waits_for_its_day_has_one": UNDOING.format("'dark_point', 'offered', '', '', NULL, NULL"),
    "an_undoing_is_between_two_companies": """UPDATE switching_undocase SET losing_retailer_id = gaining_retailer_id
        WHERE id = %(case)s""",
    "a_retailer_leaves_the_market_once_at_a_time": 2
    * """INSERT INTO switching_undocase (number, kind, state, phase, reason, outcome, opened_at, effective_on,
        losing_retailer_id) SELECT 'U' || nextval('switching_case_number'), 'market_exit', 'going', '', '', '', now(),
        now(), company_id FROM portal_user WHERE id = %(person)s;""",
    "a_side_says_a_word_once": 2 * APPROVAL.format("'agreed', '', '', '', NULL, '', ''"),
    "a_refused_undoing_has_a_reason": APPROVAL.format("'refused', '', 'x', '', NULL, '', ''"),
    "another_reason_is_told_in_words": APPROVAL.format("'refused', 'other', '', '', NULL, '', ''"),
    "evidence_says_how_when_and_where": APPROVAL.format("'evidence', '', '', 'web', now(), '', ''"),
    "a_sha256_has_64_hex_digits": APPROVAL.format("'agreed', '', '', '', NULL, '', 'ABC'"),
    "an_area_stands_once_in_a_market_exit": 2
    * """INSERT INTO switching_exitarea (case_id, area, network_operator_id, points_at_first, to_last_resort)
        SELECT %(case)s, '03', company_id, 0, 0 FROM portal_user WHERE id = %(person)s;""",
    "a_market_exit_is_counted_once_a_day": 2
    * """INSERT INTO switching_exitday (case_id, area, day, remaining, under_way)
        VALUES (%(case)s, '03', '2026-04-01', 1, 0);""",
    "a_missing_start_is_warned_of_once_per_stage": 2
    * """INSERT INTO switching_startwarning (relay_id, stage, at) VALUES (%(relay)s, 'half', now());""",
    "an_answer_has_a_person_and_a_time": "UPDATE switching_relay SET state = '02' WHERE id = %(relay)s",
    "a_rejection_and_only_a_rejection_has_reasons": "UPDATE switching_relay SET reasons = '{2}' WHERE id = %(relay)s",
    "a_reason_is_on_the_list": """UPDATE switching_relay SET state = '03', reasons = '{10}', judged_at = now(),
        judged_by_policy = true WHERE id = %(relay)s""",
    "an_other_reason_is_told_in_words": """UPDATE switching_relay SET state = '03', reasons = '{9}', judged_at = now(),
        judged_by_policy = true WHERE id = %(relay)s""",
    "a_relay_is_between_two_companies": """UPDATE switching_relay SET losing_retailer_id = gaining_retailer_id
        WHERE id = %(relay)s""",
    "one_open_relay_per_point": "UPDATE switching_relay SET point_id = %(other_point)s WHERE id = %(relay)s",
    "an_application_is_matched_when_its_state_says_so": """UPDATE switching_application SET state = 'matched'
        WHERE id = %(start)s""",
    "supply_started_is_a_dated_fact": "UPDATE switching_application SET in_effect_on = now() WHERE id = %(start)s",
    "paperwork_completed_is_a_dated_fact": "UPDATE switching_application SET completed_at = now() WHERE id = %(start)s",
    "matching_ends_before_the_desired_date": """UPDATE switching_application SET matching_deadline = desired_date
        WHERE id = %(start)s""",
    "a_start_brings_a_contract_and_a_termination_a_relay": """UPDATE switching_application SET contract_number = ''
        WHERE id = %(start)s""",
    "one_open_application_per_point_and_kind": """UPDATE switching_application SET point_id = %(other_point)s
        WHERE id = %(start)s""",
    "a_match_is_one_start_and_one_termination": """UPDATE switching_application SET match_id = %(match)s,
        state = 'matched' WHERE id = %(start)s""",
    "one_match_at_a_time_per_point": """INSERT INTO switching_match (point_id, matched_at, switch_date, stuck_because)
        SELECT point_id, now(), switch_date, '' FROM switching_match WHERE id = %(match)s""",
    "a_termination_is_owed_for_an_accepted_relay_alone": """UPDATE switching_relay SET termination_due_at = now(),
        termination_cut_off = desired_date WHERE id = %(relay)s""",
    "a_duty_is_escalated_once_per_relay": """INSERT INTO switching_escalation (relay_id, duty, due_at, opened_at)
        SELECT %(relay)s, 'judgement', now(), now() FROM generate_series(1, 2)""",
    "a_duty_is_escalated_once_per_application": """INSERT INTO switching_escalation
        (application_id, duty, due_at, opened_at)
        SELECT %(start)s, 'answer', now(), now() FROM generate_series(1, 2)""",
    "an_escalation_belongs_to_the_case_of_its_duty": """INSERT INTO switching_escalation
        (relay_id, application_id, duty, due_at, opened_at)
        VALUES (%(relay)s, %(start)s, 'answer', now(), now())""",
    "what_is_submitted_has_a_time_for_its_answer": """UPDATE switching_application SET state = 'submitted'
        WHERE id = %(start)s""",
    "an_escalation_is_closed_by_a_person_at_a_time": """INSERT INTO switching_escalation
        (relay_id, duty, due_at, opened_at, closed_at) VALUES (%(relay)s, 'judgement', now(), now(), now())""",
    "a_version_of_a_list_is_numbered_once": """INSERT INTO switching_disclosureversion
        (version, valid_from, menu, charge) SELECT 7, now(), '', 'not_told' FROM generate_series(1, 2)""",
    "only_a_retailers_list_is_for_a_menu": """INSERT INTO switching_disclosureversion
        (version, valid_from, menu, charge) VALUES (8, now(), '従量電灯', 'not_told')""",
    "a_menu_is_a_retailers": """INSERT INTO switching_disclosure
        (company_id, point_id, version_id, menu, channel, explained_on, recorded_at, recorded_by_id)
        SELECT company_id, point_id, version_id, 'x', channel, explained_on, recorded_at, recorded_by_id
        FROM switching_disclosure LIMIT 1""",
    "one_draft_per_retailer_and_menu": """INSERT INTO switching_disclosuredraft
        (retailer_id, menu, valid_from, charge, items, edited_at, edited_by_id)
        SELECT losing_retailer_id, '', now(), 'none', '[]', now(), registered_by_id
        FROM switching_relay, generate_series(1, 2) WHERE switching_relay.id = %(relay)s""",
    "evidence_belongs_to_one_case": """INSERT INTO switching_evidence (company_id, kind, channel, obtained_on, agent,
        path, name, content_type, size, sha256, attached_at, attached_by_id)
        SELECT gaining_retailer_id, 'consent', 'web', now(), '', '', '', '', 1, '', now(), registered_by_id
        FROM switching_relay WHERE id = %(relay)s""",
    "a_step_belongs_to_one_case": """INSERT INTO switching_step (move, from_state, to_state, at)
        VALUES ('register', '', '01', now())""",
    "a_switch_and_nothing_else_waits_for_a_counterpart": """UPDATE switching_application SET matching_deadline = NULL
        WHERE id = %(start)s""",
    "what_is_accepted_has_a_day_on_which_it_takes_effect": """UPDATE switching_application SET kind = 'ampere_change',
        ampere = 30, matching_deadline = NULL, state = 'accepted' WHERE id = %(start)s""",
    "a_consumer_change_names_the_holder": """UPDATE switching_application SET kind = 'consumer_change',
        matching_deadline = NULL, state = 'submitted', holder_name = '' WHERE id = %(start)s""",
    "an_ampere_change_names_one_of_the_seven_sizes": """UPDATE switching_application SET ampere = 25
        WHERE id = %(start)s""",
    "only_a_termination_removes_equipment": "UPDATE switching_application SET removal = true WHERE id = %(start)s",
    "what_was_handed_over_is_not_dissolved": """UPDATE switching_match SET handed_over_at = now(), dissolved_at = now()
        WHERE id = %(match)s""",
    "a_revision_number_stands_once": """INSERT INTO switching_revision
        (application_id, number, act, entries, reason, at)
        SELECT application_id, number, act, entries, '', now() FROM switching_revision
        WHERE application_id = %(start)s""",
    "the_first_revision_registers_and_the_others_do_not": """INSERT INTO switching_revision
        (application_id, number, act, entries, reason, at) VALUES (%(start)s, 2, 'registered', '{}', '', now())""",
    "one_open_cancellation_per_application": CANCELLATION.format("'requested', 'x', NULL, NULL, ''") * 2,
    "an_answered_cancellation_has_a_person_and_a_time": CANCELLATION.format("'done', 'x', now(), NULL, ''"),
    "a_refused_cancellation_says_why": CANCELLATION.format("'refused', 'x', now(), %(person)s, ''"),
    "a_cancellation_says_why": CANCELLATION.format("'requested', '', NULL, NULL, ''"),
    "a_network_policy_stands_once": """INSERT INTO switching_networkpolicy
        (network_operator_id, kind, supply_class, meter_work, needs_person)
        SELECT %(operator)s, 'switch_start', 'LV', true, true FROM generate_series(1, 2)""",
    "the_codes_of_an_answer_fit_its_verdict": ANSWER.format("'accept', '{R01}', ''"),
    "an_answer_names_a_code": ANSWER.format("'reject', '{}', ''"),
    "an_other_answer_is_told_in_words": ANSWER.format("'reject', '{R99}', ''"),
    "one_meter_work_to_do_per_application": WORK.format("'exchange', NULL, NULL, NULL, NULL") * 2,
    "done_work_has_a_person_and_a_time": WORK.format("'ampere', now(), NULL, NULL, NULL"),
    "done_work_is_not_cancelled": """INSERT INTO switching_meterwork (point_id, kind, planned_on, planned_at,
        planned_by_id, done_on, reported_at, reported_by_id, cancelled_at)
        VALUES (%(other_point)s, 'ampere', now(), now(), %(person)s, now(), now(), %(person)s, now())""",
    "done_work_names_the_meters_of_its_kind": WORK.format("'exchange', now(), now(), %(person)s, NULL"),
    "a_reading_is_not_negative_and_belongs_to_a_meter": WORK.format("'exchange', NULL, NULL, NULL, 5"),
}


@pytest.fixture
def rows(play):
    """One open relay with its start, a matched pair on another point, and a reversal that was withdrawn."""
    undo = Undo(play)
    case = undo.reversal(undo.switched())
    undoing.withdraw(case_id=case.pk, by=play.cast["umi.relay"], now=AFTER)
    matched_point, point, other = play.point(), play.point(), play.point()
    first = play.start(matched_point, relay=play.accepted(matched_point), meter_work=True)
    answers.accept(application_id=first.pk, by=play.cast["kaze.application"], now=play.now)
    matching.match_waiting(now=play.now)
    relay = play.relay(point)
    start = play.start(point, relay=relay)
    asked = play.relay(other)
    play.start(other)
    threads.say(relay_id=asked.pk, topic="ask_name", by=play.cast["umi.relay"], now=play.now)
    expired = play.relay(play.point())
    relays.expire_overdue(now=expired.due_at, among=Q(pk=expired.pk))
    missed = expired.escalations.get()
    escalations.write(escalation_id=missed.pk, text="電話済み", by=play.cast["hub.operator"], now=play.now)
    match = matched_point.matches.get()
    return {
        "relay": relay.pk,
        "start": start.pk,
        "other_point": other.pk,
        "match": match.pk,
        "case": case.pk,
        "person": play.cast["kaze.application"].pk,
        "operator": play.cast.kaze.pk,
    }


@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_database_refuses(name, rows):
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ATTEMPTS[name], rows)
    assert refusal.value.__cause__.diag.constraint_name == name


@pytest.mark.parametrize(
    "table",
    [
        "switching_step",
        "switching_revision",
        "switching_networkanswer",
        "portal_ledgerentry",
        "portal_notice",
        "switching_disclosure",
        "switching_acknowledgement",
        "switching_relaymessage",
        "switching_escalationnote",
        "switching_approval",
    ],
)
@pytest.mark.parametrize("deed", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_evidence_is_neither_changed_nor_removed(table, deed, rows):
    refused = pytest.raises(DatabaseError, match=r"(?i)cannot (update|delete)")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(deed.format(table))


def test_every_named_constraint_of_the_cases_has_an_attempt():
    from django.apps import apps

    from switching.models import QueuedRegistration, Sight, Upload, UploadRow

    named = {
        constraint.name
        for model in apps.get_app_config("switching").get_models()
        for constraint in model._meta.constraints
    }
    elsewhere = {
        "a_disclosure_item_stands_once_per_version",
        "an_item_is_acknowledged_once_per_disclosure",
        # tests/switching/test_registration_queue.py
        *(constraint.name for constraint in QueuedRegistration._meta.constraints),
        # tests/switching/bulk/test_life.py
        *(constraint.name for model in (Upload, UploadRow, Sight) for constraint in model._meta.constraints),
        # tests/switching/test_actual_days.py, tests/switching/bulk/test_before_opening.py
        *("an_actual_day_is_another_than_was_believed", "only_what_was_handed_over_has_an_actual_date"),
        *("an_ended_plan_says_why", "a_company_plans_one_movement_per_point"),
        *("a_day_is_counted_once_per_area", "a_month_is_counted_once_per_company", "only_an_answer_can_be_on_time"),
    }
    assert named - elsewhere == set(ATTEMPTS)
