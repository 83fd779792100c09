"""The ledger's chain holds, and whatever is done to it past the product is found and named."""

import json
from datetime import timedelta
from io import StringIO
from threading import Event, Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from portal import hub_key, ledger, ledger_watch, seals
from portal.models import LedgerEntry, Seal, UnsealedEntry
from tests.cast import client_of


def write(count: int, now, start: int = 0) -> list[int]:
    before = set(LedgerEntry.objects.values_list("pk", flat=True))
    ledger.record_many(
        [ledger.Entry("tried", f"thing {start + n}", detail={"名": "山田", "n": n, "x": 1.5}) for n in range(count)],
        by=None,
        now=now,
    )
    return sorted(set(LedgerEntry.objects.values_list("pk", flat=True)) - before)


def past_the_triggers(sql: str, *values) -> None:
    """What somebody with the keys of the database server can do."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.fixture
def ids(db, now):
    """Nine sealed entries in three seals."""
    made = []
    for start in (0, 3, 6):
        made += write(3, now, start)
        seals.seal_waiting(now=now)
    assert Seal.objects.count() == 3
    return made


def test_an_untouched_chain_holds(ids, now):
    verdict = seals.verify()
    assert (verdict.broken, verdict.seals, verdict.entries, verdict.waiting) == (None, 3, 9, 0)
    assert verdict.head == Seal.objects.get(number=3).hash


def test_an_empty_ledger_holds(db):
    assert seals.verify().broken is None
    assert seals.verify().seals == 0


def test_entries_wait_until_they_are_sealed_and_are_sealed_once(db, now):
    made = write(5, now)
    assert sorted(UnsealedEntry.objects.values_list("pk", flat=True)) == made
    assert seals.verify().waiting == 5
    assert seals.seal_waiting(now=now) == 5
    assert seals.seal_waiting(now=now) == 0
    assert [entry_id for entry_id, _ in seals.links_of(Seal.objects.get())] == made


def test_more_than_fits_into_one_seal_makes_several(db, now, monkeypatch):
    monkeypatch.setattr(seals, "AT_ONCE", 4)
    write(10, now)
    assert seals.seal_waiting(now=now) == 10
    assert [seal.count for seal in Seal.objects.order_by("number")] == [4, 4, 2]
    assert seals.verify().broken is None


def test_the_number_of_queries_does_not_grow_with_the_entries(db, now):
    def queries(count: int) -> int:
        write(count, now)
        with CaptureQueriesContext(connection) as captured:
            seals.seal_waiting(now=now)
        return len(captured)

    assert queries(1) == queries(200)


@pytest.mark.parametrize("at", [0, 4, 8])
@pytest.mark.parametrize(
    "change",
    [
        "action = 'something else'",
        "subject = 'thing 99'",
        "at = at + interval '1 microsecond'",
        "purpose = 'x'",
        "detail = '{}'",
        "salt = gen_random_uuid()",
    ],
)
def test_a_changed_row_is_named(ids, at, change):
    past_the_triggers(f"UPDATE portal_ledgerentry SET {change} WHERE id = %s", ids[at])
    broken = seals.verify().broken
    assert (broken.entry, broken.seal) == (ids[at], at // 3 + 1)


def test_of_two_changed_rows_the_first_is_named(ids):
    for at in (7, 2):
        past_the_triggers("UPDATE portal_ledgerentry SET action = 'x' WHERE id = %s", ids[at])
    assert seals.verify().broken.entry == ids[2]


def test_a_removed_row_is_named(ids):
    past_the_triggers("DELETE FROM portal_ledgerentry WHERE id = %s", ids[5])
    broken = seals.verify().broken
    assert (broken.entry, broken.seal) == (ids[5], 2)
    assert "削除" in broken.sentence


def test_a_row_removed_while_it_waits_is_named(db, now):
    made = write(3, now)
    past_the_triggers("DELETE FROM portal_ledgerentry WHERE id = %s", made[1])
    seals.seal_waiting(now=now)
    assert seals.verify().broken.entry == made[1]


def test_a_row_put_in_past_the_product_is_named(ids):
    past_the_triggers(
        "INSERT INTO portal_ledgerentry (id, at, action, subject, purpose, detail) "
        "VALUES (%s, now(), 'forged', 'thing', '', '{}')",
        ids[0] - 1,
    )
    broken = seals.verify().broken
    assert (broken.entry, broken.seal) == (ids[0] - 1, None)


def test_a_row_changed_together_with_its_link_shows_at_the_next_row(ids):
    past_the_triggers("UPDATE portal_ledgerentry SET action = 'x' WHERE id = %s", ids[3])
    seal = Seal.objects.get(number=2)
    line = seals.rows([ids[3]])[ids[3]]
    link = seals._next(bytes.fromhex(seal.previous), seals.leaf(line))
    packed = bytes(seal.links)
    past_the_triggers("UPDATE portal_seal SET links = %s WHERE number = 2", packed[:8] + link + packed[40:])
    broken = seals.verify().broken
    assert (broken.entry, broken.seal) == (ids[4], 2)


@pytest.mark.parametrize("change", ["hash = repeat('a', 64)", "count = 2", "sealed_at = sealed_at + interval '1 s'"])
def test_a_changed_seal_is_named(ids, change):
    past_the_triggers(f"UPDATE portal_seal SET {change} WHERE number = 2")
    broken = seals.verify().broken
    assert (broken.entry, broken.seal) == (None, 2)


def test_a_seal_made_anew_without_the_hubs_key_is_named(ids, now):
    """Row, links and hash of the last seal made anew: only the signature cannot be."""
    past_the_triggers("UPDATE portal_ledgerentry SET action = 'x' WHERE id = %s", ids[8])
    seal = Seal.objects.get(number=3)
    link, packed = bytes.fromhex(seal.previous), b""
    lines = seals.rows(ids[6:])
    for entry_id in ids[6:]:
        link = seals._next(link, seals.leaf(lines[entry_id]))
        packed += entry_id.to_bytes(8, "little") + link
    digest = seals.seal_hash(3, seal.sealed_at, 3, link)
    past_the_triggers("UPDATE portal_seal SET links = %s, hash = %s WHERE number = 3", packed, digest)
    broken = seals.verify().broken
    assert (broken.entry, broken.seal) == (None, 3)
    assert "署名" in broken.sentence


def test_a_seal_of_another_key_is_named_unless_the_operator_lists_it(ids, settings, tmp_path):
    former = hub_key.public()
    settings.HUB_KEY_FILE = tmp_path / "new.pem"
    assert seals.verify().broken.seal == 1
    settings.HUB_FORMER_KEYS = [former]
    assert seals.verify().broken is None


def test_a_missing_seal_is_named(ids):
    past_the_triggers("DELETE FROM portal_seal WHERE number = 2")
    assert seals.verify().broken.seal == 2


def test_a_chain_that_was_cut_off_is_found_with_a_seal_written_down_elsewhere(ids):
    verdict = seals.verify()
    past_the_triggers("DELETE FROM portal_seal WHERE number = 3")
    past_the_triggers("DELETE FROM portal_ledgerentry WHERE id >= %s", ids[6])
    assert seals.verify().broken is None
    assert seals.verify(expected=(verdict.seals, verdict.head)).broken.seal == 3


def test_a_chain_made_anew_is_found_with_a_seal_written_down_elsewhere(ids):
    assert seals.verify(expected=(2, "0" * 64)).broken.seal == 2
    assert seals.verify(expected=(2, Seal.objects.get(number=2).hash)).broken is None


# --- In stretches
def test_a_walk_in_stretches_takes_every_seal_once(ids):
    whole = seals.verify()
    stretches = [seals.verify(after=0, most=2), seals.verify(after=1, most=3), seals.verify(after=2, most=100)]
    assert [stretch.seals for stretch in stretches] == [1, 2, 3]
    assert sum(stretch.entries for stretch in stretches) == whole.entries
    assert stretches[-1].head == whole.head
    assert not any(stretch.broken for stretch in stretches)


def test_a_stretch_looks_at_its_own_seals_alone(ids):
    past_the_triggers("UPDATE portal_ledgerentry SET action = 'x' WHERE id = %s", ids[4])
    found = [seals.verify(after=after, most=1).broken for after in range(3)]
    assert found[0] is None and found[2] is None
    assert (found[1].seal, found[1].entry) == (2, ids[4])


def test_a_stretch_behind_a_seal_that_is_gone_is_a_break(ids):
    past_the_triggers("DELETE FROM portal_seal WHERE number = 3")
    assert seals.verify(after=3).broken.seal == 3


def after_a_gap(now) -> int:
    """One entry behind ids that nobody uses, as writers that were rolled back leave them; its id."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('portal_ledgerentry_id_seq', nextval('portal_ledgerentry_id_seq') + 5)")
    return write(1, now)[0]


@pytest.mark.parametrize("at_once", [2, 100_000])
@pytest.mark.parametrize(
    ("place", "stretch"), [("before", 0), ("behind 3", 1), ("within 4", 1), ("behind 4", 2), ("behind 5", 2)]
)
def test_every_id_belongs_to_one_stretch(ids, now, monkeypatch, place, stretch, at_once):
    monkeypatch.setattr(seals, "IDS_AT_ONCE", at_once)
    low, high = after_a_gap(now), after_a_gap(now)
    seals.seal_waiting(now=now)
    last = after_a_gap(now)
    seals.seal_waiting(now=now)
    strange = {
        "before": ids[0] - 1000,
        "behind 3": low - 1,
        "within 4": high - 1,
        "behind 4": last - 1,
        "behind 5": last + 1000,
    }[place]
    past_the_triggers(
        "INSERT INTO portal_ledgerentry (id, at, action, subject, purpose, detail) "
        "VALUES (%s, now(), 'forged', 'thing', '', '{}')",
        strange,
    )
    stretches = [seals.verify(after=0, most=9), seals.verify(after=3, most=2), seals.verify(after=4, most=100)]
    assert [found.seals for found in stretches] == [3, 4, 5]
    assert [found.broken.entry if found.broken else None for found in stretches] == [
        strange if number == stretch else None for number in range(3)
    ]


def test_the_nightly_walk_goes_round_in_stretches_and_takes_all_that_is_new(ids, now, settings):
    settings.LEDGER_WALK_ENTRIES = 3
    nights = [now + timedelta(days=day) for day in range(6)]
    ledger_watch.verify_nightly(now=nights[0])
    assert ledger_watch.held() == ledger_watch.Held(nights[0], 3, 0, nights[0])
    ledger_watch.verify_nightly(now=nights[1])
    assert ledger_watch.held() == ledger_watch.Held(nights[1], 3, 1, nights[0])
    write(3, now, 9)
    ledger_watch.verify_nightly(now=nights[2])
    assert ledger_watch.held() == ledger_watch.Held(nights[2], 4, 2, nights[0])
    past_the_triggers("UPDATE portal_ledgerentry SET action = 'x' WHERE id = %s", ids[0])
    ledger_watch.verify_nightly(now=nights[3])
    ledger_watch.verify_nightly(now=nights[4])
    assert ledger_watch.held() == ledger_watch.Held(nights[4], 4, 0, nights[4])
    for _again in range(2):  # it stays where it broke
        with pytest.raises(ledger_watch.Broken, match=f"entry {ids[0]}"):
            ledger_watch.verify_nightly(now=nights[5])
        assert ledger_watch.held().at == nights[4]


def test_the_page_of_seals_says_how_far_the_chain_was_found_to_hold(ids, cast, now):
    auditor = client_of(cast["hub.auditor"])
    assert "封印3まで" not in auditor.get("/evidence/").content.decode()
    ledger_watch.verify_nightly(now=now)
    page = auditor.get("/evidence/").content.decode()
    assert f"封印{ledger_watch.held().seals}まで" in page and "連鎖全体の前回検証" in page


def test_the_nightly_walk_finds_what_is_new_and_broken_and_a_chain_cut_off(ids, now, settings):
    settings.LEDGER_WALK_ENTRIES = 1
    ledger_watch.verify_nightly(now=now)
    made = write(3, now, 9)
    seals.seal_waiting(now=now)
    past_the_triggers("UPDATE portal_ledgerentry SET action = 'x' WHERE id = %s", made[1])
    with pytest.raises(ledger_watch.Broken, match=f"seal 4, entry {made[1]}"):
        ledger_watch.verify_nightly(now=now)
    past_the_triggers("DELETE FROM portal_seal WHERE number >= 3")
    past_the_triggers("DELETE FROM portal_ledgerentry WHERE id >= %s", ids[6])
    with pytest.raises(ledger_watch.Broken, match="seal 3"):
        ledger_watch.verify_nightly(now=now)


@pytest.mark.parametrize("table", ["portal_ledgerentry", "portal_seal"])
def test_the_database_refuses_to_change_remove_or_empty(ids, table):
    column = "action" if table == "portal_ledgerentry" else "hash"
    for sql in (f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL kirikae.keep = 'on'")
            cursor.execute(sql)
    assert seals.verify().broken is None


def test_rows_written_past_the_product_but_not_past_the_triggers_are_sealed_too(db, now):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO portal_ledgerentry (at, action, subject, purpose, detail) "
            "SELECT now(), 'x', 'y ' || n, '', '{}' FROM generate_series(1, 50) n"
        )
    assert seals.seal_waiting(now=now) == 50
    assert seals.verify().broken is None


@pytest.mark.django_db(transaction=True)
def test_writers_do_not_wait_and_a_late_one_comes_into_a_later_seal(now):
    wrote, may_end = Event(), Event()

    def late() -> None:
        try:
            with transaction.atomic():
                ledger.record("late", "thing", by=None, now=now)
                wrote.set()
                assert may_end.wait(20)
        finally:
            connection.close()

    def undone() -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            ledger.record("undone", "thing", by=None, now=now)
            raise ZeroDivisionError

    writer = Thread(target=late)
    writer.start()
    assert wrote.wait(20)
    undone()
    ledger.record("quick", "thing", by=None, now=now)
    assert seals.seal_waiting(now=now) == 1
    may_end.set()
    writer.join()
    assert seals.seal_waiting(now=now + timedelta(seconds=5)) == 1
    order = [
        LedgerEntry.objects.get(pk=entry_id).action
        for seal in Seal.objects.order_by("number")
        for entry_id, _ in seals.links_of(seal)
    ]
    assert order == ["quick", "late"]
    assert seals.verify().broken is None
    ids = list(LedgerEntry.objects.order_by("pk").values_list("pk", flat=True))
    assert [seal.number for seal in seals.seals_of(ids)] == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_two_sealers_at_once_make_one_chain(now):
    write(60, now)

    def run() -> None:
        try:
            seals.seal_waiting(now=now)
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(Seal.objects.values_list("count", flat=True)) == 60
    assert seals.verify().broken is None


def test_the_command_says_that_it_holds_and_prints_the_newest_seal(ids):
    out = StringIO()
    call_command("verify_ledger", stdout=out)
    assert f"3:{Seal.objects.get(number=3).hash}" in out.getvalue()
    call_command("verify_ledger", "--expect", out.getvalue().split()[-1], stdout=StringIO())


def test_the_command_names_the_first_broken_row(ids):
    past_the_triggers("UPDATE portal_ledgerentry SET detail = '{}' WHERE id = %s", ids[4])
    with pytest.raises(CommandError, match=str(ids[4])) as refused:
        call_command("verify_ledger")
    assert refused.value.returncode == 1


@pytest.mark.parametrize("text", ["3", "x:y", "3:abc", f"3:{'g' * 64}"])
def test_a_mistyped_seal_is_refused_with_a_sentence(db, text):
    with pytest.raises(CommandError, match="番号:ハッシュ"):
        call_command("verify_ledger", "--expect", text)


def test_without_a_key_production_says_how_to_make_one_and_entries_wait(db, now, settings, tmp_path):
    settings.PRODUCTION, settings.HUB_KEY_FILE = True, tmp_path / "none.pem"
    write(1, now)
    with pytest.raises(hub_key.Missing, match="openssl genpkey"):
        seals.seal_waiting(now=now)
    assert UnsealedEntry.objects.count() == 1


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_key_file_of_another_kind_is_named(settings, tmp_path, content):
    settings.HUB_KEY_FILE = tmp_path / "bad.pem"
    settings.HUB_KEY_FILE.write_bytes(content)
    with pytest.raises(hub_key.Missing, match=r"bad\.pem"):
        hub_key.public()


def test_a_made_key_is_for_its_owner_alone(settings, tmp_path):
    settings.HUB_KEY_FILE = tmp_path / "deep" / "key.pem"
    assert len(hub_key.public()) == 64
    assert settings.HUB_KEY_FILE.stat().st_mode & 0o777 == 0o600


def test_a_canonical_line_is_written_in_one_way(db, now):
    [pk] = write(1, now)
    line = seals.rows([pk])[pk]
    assert json.loads(line)["detail"] == {"名": "山田", "n": 0, "x": 1.5}
    assert list(json.loads(line)) == sorted(json.loads(line))
    assert json.loads(line)["at"] == "2026-04-01T01:00:00.000000+00:00"
