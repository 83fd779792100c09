"""Every page by the rules of WCAG 2.2 AA (JIS X 8341-3), at the desk and on a telephone."""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pytest

from tests.addresses import ROOMS
from tests.browser.rendered import Eye
from tests.every_page import Shown, every_page, every_page_of_the_workbench

PICTURES = os.environ.get("KIRIKAE_PICTURES", "")
TELEPHONES = (390, 320)
OF_DJANGO = {"label", "select-name", "aria-input-field-name", "empty-table-header"}
"""What Django's own lines below a form and its search boxes break: named in the accessibility statement."""
pytestmark = pytest.mark.accessible


@pytest.fixture
def eye(browser):
    eye = Eye(browser)
    yield eye
    eye.close()


@pytest.mark.parametrize("room", ROOMS)
def test_no_page_breaks_a_rule_of_accessibility(eye, cast, time_machine, now, room):
    time_machine.move_to(now, tick=False)
    assert not (faults := list(faults_of(eye, every_page(cast, room)))), "\n".join(faults)


def test_no_page_of_the_workbench_breaks_one(eye, cast, time_machine, now):
    time_machine.move_to(now, tick=False)
    assert not (faults := list(faults_of(eye, every_page_of_the_workbench(cast), but=OF_DJANGO))), "\n".join(faults)
    assert len(eye.answers) > 15, "hardly a page of the workbench opened: nothing was judged"


def faults_of(eye: Eye, pages: Iterable[Shown], but: Collection[str] = ()) -> Iterator[str]:
    for shown in pages:
        eye.look_at(shown)
        yield from (f"{shown}: {fault}" for fault in eye.violations(but))
        keep(eye, shown, 1280)
        for width in TELEPHONES:
            yield from (f"{shown}: at {width} px sticks out {what}" for what in eye.sticks_out(width))
            if width == 390:
                yield from (f"{shown}: at {width} px {fault}" for fault in eye.violations(but))
                keep(eye, shown, width)


def keep(eye: Eye, shown: Shown, width: int) -> None:
    if PICTURES and "api-docs" not in shown.name:
        eye.keep(Path(PICTURES) / f"{shown.name.replace(':', '-').replace(' ', '_')}-{width}.png")
