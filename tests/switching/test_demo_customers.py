"""Customers to try a switch with."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from portal.workdays import jst_date


@pytest.mark.django_db
def test_customers_without_an_open_case_are_shown_in_the_demo_alone(settings, play, capsys) -> None:
    point = play.point()
    with pytest.raises(CommandError, match="demo only"):
        call_command("demo_customers")
    settings.ENVIRONMENT = "demo"
    call_command("demo_customers")
    shown = capsys.readouterr().out
    assert point.number in shown
    assert point.contracts.get().number in shown
    now = timezone.now()
    play.relay(point, now=now, desired_date=jst_date(now) + timedelta(days=30))
    with pytest.raises(CommandError, match="no such customers"):
        call_command("demo_customers")
