"""Every way in which a switch is one-sided or undone, as its people do it in a real browser with a real worker."""

from datetime import date, datetime, timedelta

import pytest

from metering.models import SupplyPeriod
from portal.workdays import JST
from switching.models import Application, UndoCase
from switching.states import ApplicationState, RelayState
from switching.undo_states import UndoKind, UndoState
from tests.browser.test_switch_story import Person, play, sit_down  # noqa: F401
from tests.switching.cases import DESIRED
from tests.switching.undoings import Undo, supplier

SWITCHED = datetime(2026, 4, 15, 0, 5, tzinfo=JST)
CLOSED = datetime(2026, 4, 15, 0, 10, tzinfo=JST)
MONDAY = datetime(2026, 4, 20, 9, 0, tzinfo=JST)
ENDS, LAST_DAY = date(2026, 4, 27), date(2026, 4, 24)


def at_midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), JST) + timedelta(minutes=5)


def go_through(person: Person, path: str, *, choose: dict[str, str] | None = None, **entries: str) -> None:
    """Entries (where there are any), the page that shows what will be done, the deed."""
    person.open(path)
    for name, value in (choose or {}).items():
        if person.page.query_selector(f"main select[name={name}]"):
            person.page.select_option(f"main [name={name}]", value)
        else:
            person.page.check(f"main [name={name}][value={value}]")
    person.fill(**entries)
    if not person.page.query_selector("main button[name=confirmed]"):
        person.press("main form .btn-primary")
    person.press("main button[name=confirmed]")


def open_from_inbox(person: Person, case: UndoCase) -> None:
    """From what waits for me to the case, by its links alone."""
    person.open("/")
    with person.page.expect_navigation():
        person.page.click(f"main a[href*='kind={case.kind}']")
    with person.page.expect_navigation():
        person.page.click(f"main a[href='/undoing/{case.number}/']")


@pytest.mark.usefixtures("transactional_db")
def test_whatever_is_one_sided_or_undone_ends_well(sit_down, play, worker):  # noqa: F811
    person, clock = sit_down
    undo = Undo(play)
    erroneous, matched, returning = undo.matched(), undo.matched(), undo.matched()
    early = play.accepted(play.point())
    play.start(early.point, relay=early)
    lonely = play.accepted(play.point())  # a termination without a start
    alone = play.start(play.point())  # a start without a termination

    # Before the match: relay, start and termination end together.
    gaining = person("sora.relay")
    gaining.open(f"/relays/{early.number}/")
    with gaining.page.expect_navigation():
        gaining.page.click(f"main a[href='/relays/{early.number}/cooling-off/']")
    gaining.keep("cooling-off")
    go_through(gaining, f"/relays/{early.number}/cooling-off/", declared_on="2026-04-01", papers_on="2026-03-30")
    early.refresh_from_db()
    assert early.state == RelayState.WITHDRAWN
    assert set(early.applications.values_list("state", flat=True)) == {ApplicationState.CANCELLED}
    gaining.keep("cooling-off-before")

    # After the match, before the date: the network operator is asked, and stops it.
    go_through(gaining, f"/relays/{matched.number}/cooling-off/", declared_on="2026-04-01", papers_on="2026-03-30")
    asked = UndoCase.objects.get(relay=matched)
    network = person("kaze.application")
    open_from_inbox(network, asked)
    network.keep("cooling-off-asked")
    go_through(network, f"/undoing/{asked.number}/answer/", choose={"verdict": "agree"})
    matched.refresh_from_db()
    assert matched.state == RelayState.WITHDRAWN
    gaining.sign_out()
    network.sign_out()

    # The day of the switch and its cut-off pass: two are carried out, two stay alone.
    worker("switching.tasks.hand_over", SWITCHED)
    worker("switching.tasks.close_unmatched", CLOSED)
    alone.refresh_from_db()
    assert alone.state == ApplicationState.UNMATCHED
    for point in (alone.point, matched.point, early.point, lonely.point):
        assert supplier(point, DESIRED) == play.cast.umi, "the old contract goes on"
    assert supplier(erroneous.point, DESIRED) == supplier(returning.point, DESIRED) == play.cast.sora

    clock.move_to(MONDAY)
    gaining, losing = person("sora.relay"), person("umi.relay")
    network, operator = person("kaze.application"), person("hub.operator")

    # A start without a termination: its page says what became of it.
    reader = person("sora.application")
    reader.open(f"/applications/{alone.number}/")
    assert "期限までに不成立" in reader.page.inner_text("main")
    reader.sign_out()

    # On or after the date: termination and reconnection are filed as one case.
    go_through(gaining, f"/relays/{returning.number}/cooling-off/", declared_on="2026-04-19", papers_on="2026-04-15")
    gaining.keep("cooling-off-after")
    back = UndoCase.objects.get(relay=returning)
    assert {filed.kind for filed in back.applications.all()} == {"termination", "reconnection"}

    # An erroneous switch: the one asks, the other agrees, and it has never been.
    go_through(losing, f"/relays/{erroneous.number}/reversal/", choose={"reason": "point_mixed_up"})
    reversal = UndoCase.objects.get(relay=erroneous)
    open_from_inbox(gaining, reversal)
    gaining.keep("reversal")
    go_through(gaining, f"/undoing/{reversal.number}/answer/", choose={"verdict": "agree"})
    assert supplier(erroneous.point, DESIRED) == play.cast.umi

    # A termination without a start: the retailer ends its contract, the network operator offers the last resort.
    dark = UndoCase.objects.get(relay=lonely)
    open_from_inbox(losing, dark)
    losing.keep("dark-point")
    go_through(losing, f"/undoing/{dark.number}/contract/", choose={"verdict": "end"}, ends_on=ENDS.isoformat())
    open_from_inbox(network, dark)
    network.keep("last-resort")
    go_through(network, f"/undoing/{dark.number}/last-resort/", choose={"outcome": "last_resort"})

    # The customer denies: the gaining retailer gives its evidence, the operator decides.
    denied = play.relay(play.point(), now=MONDAY, desired_date=date(2026, 5, 12))
    losing.open(f"/relays/{denied.number}/judgement/")
    losing.page.check("main [name=reasons][value='8']")
    losing.press("main button[value=reject]")
    losing.press("main button[name=confirmed]")
    denial = UndoCase.objects.get(relay=denied)
    open_from_inbox(gaining, denial)
    go_through(
        gaining,
        f"/undoing/{denial.number}/evidence/",
        choose={"channel": "telephone"},
        given_on="2026-04-18",
        reference="REC-77",
    )
    open_from_inbox(operator, denial)
    operator.keep("denial")
    go_through(
        operator, f"/undoing/{denial.number}/decision/", choose={"verdict": "uphold"}, text="録音の声が別人でした。"
    )
    operator.open("/undoing/denials/")
    operator.keep("denials")

    # A retailer leaves the market: fitting relays are accepted by the hub, the rest is caught after the last day.
    staying, moving = (play.point(supplier=play.cast.yama) for _ in range(2))
    go_through(
        operator,
        "/market-exits/new/",
        choose={"company": str(play.cast.yama.pk)},
        last_day=LAST_DAY.isoformat(),
        text="登録を返上します。",
    )
    leaving = UndoCase.objects.get(kind=UndoKind.MARKET_EXIT)
    moved = play.relay(moving, now=MONDAY, losing_retailer=play.cast.yama, desired_date=date(2026, 5, 12))
    assert moved.state == RelayState.ACCEPTED
    operator.open(f"/undoing/{leaving.number}/")
    operator.keep("market-exit")
    network.open(f"/market-exits/{leaving.number}/points/")
    assert staying.number[-4:] in network.page.inner_text("main")
    network.keep("market-exit-points")
    for somebody in (gaining, losing, network, operator):
        somebody.sign_out()

    # The days come; the worker does the rest.
    for day in (date(2026, 4, 21), LAST_DAY + timedelta(days=1), ENDS):
        worker("switching.tasks.undo", at_midnight(day))
    for case in (asked, back, reversal, dark, denial, leaving):
        case.refresh_from_db()
        assert case.state == UndoState.DONE, case.kind
    assert supplier(returning.point, date(2026, 4, 21)) == play.cast.umi
    assert supplier(lonely.point, ENDS) == play.cast.kaze
    assert supplier(staying, LAST_DAY) == play.cast.yama
    assert supplier(staying, LAST_DAY + timedelta(days=1)) == play.cast.kaze
    assert not SupplyPeriod.objects.filter(known_until=None, ending="terminated").exists(), (
        "nobody was left in the dark"
    )
    assert Application.objects.filter(undo_cases=back, state=ApplicationState.IN_EFFECT).count() == 2
