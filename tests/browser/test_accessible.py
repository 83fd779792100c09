"""Every page by the rules of WCAG 2.2 AA (JIS X 8341-3), at the desk and on a telephone."""

import os
from pathlib import Path

import pytest

from tests.addresses import ROOMS
from tests.browser.rendered import Eye
from tests.every_page import Shown, every_page

PICTURES = os.environ.get("KIRIKAE_PICTURES", "")
TELEPHONES = (390, 320)


@pytest.fixture
def eye(browser):
    eye = Eye(browser)
    yield eye
    eye.close()


@pytest.mark.parametrize("room", ROOMS)
def test_no_page_breaks_a_rule_of_accessibility(eye, cast, time_machine, now, room):
    time_machine.move_to(now, tick=False)
    faults = []
    for shown in every_page(cast, room):
        eye.look_at(shown)
        faults += [f"{shown}: {fault}" for fault in eye.violations()]
        keep(eye, shown, 1280)
        for width in TELEPHONES:
            faults += [f"{shown}: at {width} px sticks out {what}" for what in eye.sticks_out(width)]
            if width == 390:
                keep(eye, shown, width)
    assert not faults, "\n".join(faults)


def keep(eye: Eye, shown: Shown, width: int) -> None:
    if PICTURES and "api-docs" not in shown.name:
        eye.keep(Path(PICTURES) / f"{shown.name.replace(':', '-').replace(' ', '_')}-{width}.png")
