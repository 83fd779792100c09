"""The error catalogue and the code say the same: what can leave an endpoint stands there, and tests raise each row."""

import linkage.cast
from config.api import urlpatterns as routes
from metering import halfhours
from metering.formats import errors
from portal import private_market, sealed_box
from portal.api import problems
from portal.api.problems import Kind
from switching import states
from tests import refusals, told

FAULTS_OF_THE_HUB = {
    sealed_box.Unreadable: "a secret the hub keeps cannot be read: its key was lost",
    errors.Unreadable: "a file that was taken in is read again to give back its refused rows",
    halfhours.BrokenBytes: "a stored day is damaged",
    linkage.cast.NoCast: "a market that was never filled; its reset fills it",
    private_market.InTransaction: "a market is entered before any transaction begins",
    states.NotAllowed: "asked only after the case was locked and found to stand where the move begins",
}
"""What no client can cause: a 500, logged with its trace."""


def kind_for(raised: type[BaseException]) -> Kind | None:
    return problems.kind_of(raised.__new__(raised)) if issubclass(raised, Exception) else None


def leaving_endpoints() -> refusals.Raised:
    """What can leave a method of an endpoint, or of what it inherits from."""
    found: refusals.Raised = {}
    for route in routes:
        for cls in route.callback.view_class.__mro__:
            if cls.__module__.partition(".")[0] in refusals.ROOMS:
                for name in refusals.functions_of(cls):
                    found |= refusals.leaving(cls.__module__, name)
    return found


def test_every_refusal_that_can_leave_an_endpoint_stands_in_the_catalogue() -> None:
    found = leaving_endpoints()
    assert len(found) > 100, "otherwise the source was not read"
    unknown = {
        f"{raised.__module__}.{raised.__name__}": where
        for raised, where in found.items()
        if raised not in FAULTS_OF_THE_HUB and kind_for(raised) is None
    }
    assert not unknown, "enter them in the room's api/catalogue.py"


def test_the_reading_finds_what_is_raised_and_not_what_is_caught() -> None:
    found = refusals.leaving("tests.refusals_example", "deed")
    assert {raised.__name__ for raised in found} == {"Raised", "Made", "FromAnother", "RaisedAgain"}


def test_every_row_of_the_catalogue_is_raised_by_a_test() -> None:
    spoken = set(told.words_of_tests(without={"test_api_catalogue.py"}))
    raised = {kind_for(word) for word in spoken if isinstance(word, type)}
    silent = [kind.code for kind in problems.catalogue() if kind.code not in spoken and kind not in raised]
    assert not silent, "write a test that raises each, by its code or by its exception"


def test_who_may_come_again_is_told_when() -> None:
    for kind in problems.catalogue():
        assert (kind.retry_after is not None) == (kind.status in {429, 503}), kind.code


def test_a_refusal_has_a_status_of_its_family() -> None:
    assert {kind.status for kind in problems.catalogue()} <= {*problems.TITLES} == {*problems.ADVICE}
    codes = {kind.code: kind.status for kind in problems.catalogue()}
    for code, status in codes.items():
        if code.endswith((".not_yours", ".not_allowed", ".outside_your_roles")):
            assert status == 403, code
        if code.endswith((".already_moved", ".point_busy", ".not_possible")) and not code.startswith("meters."):
            assert status == 409, code
        if code.endswith(("_missing", "_in_future", "_too_long")) and not code.startswith(("api.", "relays.disclos")):
            assert status == 422, code


def test_the_catalogue_says_nothing_that_only_people_are_told() -> None:
    nouns = {kind.code.partition(".")[0] for kind in problems.catalogue()}
    assert not nouns & {"escalations", "exits", "policies"}
