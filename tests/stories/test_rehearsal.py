"""The rehearsal itself: a small market balances, and books that do not balance are noticed."""

from datetime import date, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from metering.models import SupplyPeriod
from portal.workdays import JST
from switching import matching
from switching.models import Application
from switching.rehearsal import books
from switching.rehearsal.days import Diary
from tests.switching.cases import DESIRED, Play

FIGURES = ("points switched", "of these reversed", "point-days withdrawn")


def test_a_small_market_played_through_real_workers_balances(capfd):
    call_command("rehearse", points=60, retailers=3, switches=25, days=12, seed=3)
    table = capfd.readouterr().out
    assert "every point has exactly one supplier every day: yes" in table
    assert "no reading is published twice or to a second retailer that keeps it: yes" in table
    figures = {name: int(line.split()[-1]) for line in table.splitlines() for name in FIGURES if name in line}
    assert figures["points switched"] > 5
    assert figures["of these reversed"] > 0 and figures["point-days withdrawn"] > 0


@pytest.mark.parametrize("wrong", [{"points": 0}, {"retailers": 1}, {"days": 0}, {"switches": -1}, {"retailers": 101}])
def test_a_market_that_cannot_be_is_refused_with_a_sentence(wrong):
    with pytest.raises(CommandError, match=r"retailers"):
        call_command("rehearse", **wrong)


@pytest.mark.django_db
class TestBooks:
    """Each recount finds what it is there for."""

    def against(self, diary: Diary | None = None) -> set[str]:
        last = date(2026, 4, 16)
        found = books.balance(diary or Diary(registered=1), first_day=date(2026, 4, 1), last_day=last)
        return {finding.fact for finding in found if finding.against}

    @pytest.fixture
    def switch(self, cast, now) -> Application:
        play = Play(cast, now)
        point = play.point()
        start = play.start(point, relay=play.accepted(point))
        matching.match_waiting(now=now)
        matching.hand_over_due(now=datetime(DESIRED.year, DESIRED.month, DESIRED.day, tzinfo=JST))
        return start

    def test_a_real_switch_balances(self, switch):
        assert self.against() == set()

    def test_a_lost_relay_is_noticed(self, switch):
        assert self.against(Diary(registered=2)) == {"every relay registered is there"}

    def test_a_state_changed_past_the_verbs_is_noticed(self, switch):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE switching_relay SET state = '05'")
        assert "every relay stands where its last step left it" in self.against()

    def test_a_day_without_supplier_is_noticed(self, switch):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger speaks
            cursor.execute("DELETE FROM metering_supplyperiod WHERE ending = 'open' AND known_until IS NULL")
        assert not SupplyPeriod.objects.filter(ending="open", known_until=None).exists()
        found = self.against()
        assert "every point has exactly one supplier every day" in found
        assert "every switch in effect shows in the supply of its point, from its day" in found

    def test_a_missing_notice_is_noticed(self, switch):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE portal_company SET notices_posted = notices_posted + 1 WHERE NOT is_hub_operator")
        assert "notice numbers have no gap" in self.against()
