"""The qualification is graded from what happened and handed over as evidence that holds without the hub."""

import io
import zipfile
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction

from linkage import cases, cast, markets, qualification
from linkage.models import Qualification
from portal import private_market, verify_proof
from portal.models import LedgerEntry, User
from switching import relays
from switching.models import Relay
from switching.partners import gaining
from switching.partners.behaviours import GAINING, Partner
from switching.reasons import Reason
from switching.relays import Verdict
from tests.cast import client_of
from tests.linkage.access_rows import a_participant
from tests.linkage.playing import at, go, jst, me, relay_for, rival_point, start_for
from tests.switching.cases import Play


def shown(role):
    return {grade.case.code for grade in qualification.assess(role) if grade.is_shown}


def test_there_are_thirty_cases_and_more_each_with_a_code_of_its_own():
    codes = [case.code for case in cases.CASES]
    assert len(codes) >= 30 and len(set(codes)) == len(codes)
    assert {case.role for case in cases.CASES} == set(Partner)
    assert all(str(case.words) and str(case.how) for case in cases.CASES)


def test_an_untouched_market_shows_nothing_that_only_the_participant_can_do(market, now):
    with at(now):
        assert shown(Partner.GAINING) == shown(Partner.LOSING) == shown(Partner.NETWORK) == set()
        go(days=4)  # the partners alone qualify nobody
        assert shown(Partner.GAINING) == set() and shown(Partner.NETWORK) == set()
        assert shown(Partner.LOSING) <= {"L10"}  # that the other side withdrew is seen, not done


def test_what_the_gaining_retailer_does_is_graded_as_it_happens(market, now):
    with at(now):
        for digit in (1, 4, 5, 6, 7, 9):
            relay_for(rival_point(digit), now=now)
        relay = relay_for(rival_point(2), now=now)
        start_for(relay_for(rival_point(0), now=now), now=now)
        start_for(relay_for(rival_point(1, at=1), now=now), now=now)
        relays.withdraw(relay_id=relay.pk, by=me(), now=now)
        assert shown(Partner.GAINING) == {"G01", "G03", "G10"}
        go(to=jst(2026, 4, 4, 8))
        assert shown(Partner.GAINING) >= {"G04", "G05", "G06", "G07", "G09", "G10", "G11", "G14"}
        assert not shown(Partner.GAINING) & {"G02", "G08", "G12", "G13", "G15", "G16", "G17", "G18"}
        go(to=jst(2026, 4, 9, 8))
        assert shown(Partner.GAINING) >= {"G15", "G16"}


def as_losing_retailer(now):
    """Everything the twelve cases of the losing retailer want, as its people would do it."""
    from switching import policies

    own = {period.point.number[-1]: period.point for period in cast.customers(me().company)}
    policies.lay_down(
        retailer=me().company,
        number_pattern=r"P\d{10}",
        number_hint="P…",
        number_sample="P0000000001",
        by=me(),
        now=now,
    )
    judged = {
        "1": [], "0": [], "2": [], "5": [Reason.NUMBER_DIFFERS], "4": [Reason.NUMBER_DIFFERS, Reason.NAME_DIFFERS],
        "6": [Reason.NAME_DIFFERS, Reason.ADDRESS_DIFFERS], "7": [Reason.CUSTOMER_DENIES],
        "8": [Reason.ADDRESS_DIFFERS],
    }  # fmt: skip
    suitor = cast.clerk(cast.SUITOR)
    gaining.send(own["3"], GAINING["3"], clerk=suitor, participant=me().company, now=now)
    for digit, reasons in judged.items():
        relay = gaining.send(own[digit], GAINING[digit], clerk=suitor, participant=me().company, now=now)
        relays.read_for_judgement(relay, by=me(), now=now)
        verdict = Verdict.REJECT if reasons else Verdict.ACCEPT
        relays.judge(relay_id=relay.pk, verdict=verdict, reasons=reasons, by=me(), now=now)
    go(days=1, to=now + timedelta(hours=26))


def test_the_page_names_what_proves_a_case_in_the_readers_language(cast, now):
    a_participant(cast)
    play = Play(cast, now)
    with time_machine.travel(now, tick=False):
        accepted = play.accepted(play.point())
        browser = client_of(cast["sora.administrator"])
        told = {
            language: browser.get("/linkage/qualification/", headers={"accept-language": language}).content.decode()
            for language in ("ja", "en")
        }
    assert f"✓ 廃止取次 {accepted.number}" in told["ja"] and f"✓ relay {accepted.number}" in told["en"]
    assert f"✓ 供給地点{accepted.point.number}についての不利益事項の説明（2026-03-31 (火)）" in told["ja"]
    assert f"✓ explanation of 2026-03-31 (Tue) about supply point {accepted.point.number}" in told["en"]
    assert "supply point" not in told["ja"] and "✓ relay" not in told["ja"]


@pytest.fixture
def handed_over(lobby, market, now):
    with at(now):
        as_losing_retailer(now)
        return qualification.hand_over(Partner.LOSING, by=me(), now=now + timedelta(hours=26), real=now)


def test_complete_evidence_is_signed_verified_without_the_hub_and_kept_in_the_lobby(lobby, market, now, handed_over):
    held = Qualification.objects.get()  # in the lobby
    assert (held.company, held.role, held.version) == (lobby.sora, "losing", "1")
    with zipfile.ZipFile(io.BytesIO(bytes(held.pack))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert any("case qualification losing-1" in line for line in verify_proof.check(files))
    changed = files | {"qualification.json": files["qualification.json"].replace(b"L12", b"L13")}
    with pytest.raises(verify_proof.Broken, match="was changed"):
        verify_proof.check(changed)
    assert LedgerEntry.objects.filter(action="qualification.handed_over").exists()
    assert held in Qualification.objects.visible_to(lobby["hub.operator"])
    assert held not in Qualification.objects.visible_to(lobby["yama.administrator"])
    markets.reset(market, by=lobby["sora.administrator"], now=now)
    assert Qualification.objects.exists()
    with private_market.inside("sora"):
        assert not Relay.objects.exists()


def test_what_is_incomplete_is_not_handed_over_and_says_what_is_missing(market, now):
    with at(now), pytest.raises(qualification.NotComplete) as refused:
        qualification.hand_over(Partner.NETWORK, by=me(), now=now, real=now)
    assert refused.value.missing == [f"N0{n}" for n in range(1, 10)]


def test_nobody_but_the_participant_hands_evidence_over(market, now):
    with at(now):
        partner = User.objects.exclude(company=cast.participant()).first()
        with pytest.raises(qualification.NotAllowed):
            qualification.hand_over(Partner.GAINING, by=partner, now=now, real=now)


def test_a_company_qualifies_once_per_role_and_version(lobby, now, handed_over):
    again = {"company": lobby.sora, "role": "losing", "version": "1", "handed_over_at": now, "sha256": "0" * 64}
    with pytest.raises(IntegrityError, match="a_company_qualifies_once_per_role_and_version"), transaction.atomic():
        Qualification.objects.create(**again)
    with pytest.raises(IntegrityError, match="evidence_has_its_hash"), transaction.atomic():
        Qualification.objects.create(**again | {"version": "2", "sha256": "x"})
