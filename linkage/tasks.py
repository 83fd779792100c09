"""Work of the markets that runs in workers."""

from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from linkage import markets, qualification, travel
from portal import private_market


@shared_task
def go_on_everywhere() -> None:
    """Ask for the next steps of every market that is awake, one task per market."""
    for name in markets.ready():
        with private_market.inside(name):
            try:
                if travel.is_awake(now=timezone.now()):
                    go_on.delay()
            except OperationalError:
                continue  # it is being reset just now


@shared_task
def go_on() -> None:
    """Go on with the market at hand."""
    if private_market.name():
        travel.go_on(real=timezone.now)
        qualification.deliver(now=timezone.now())
