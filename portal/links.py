"""Addresses of pages for many rows: Django is asked once per page, not once per row."""

from django.urls import reverse

_around: dict[str, tuple[str, str]] = {}


def page(name: str, number: str) -> str:
    """`reverse(name, args=[number])`, for numbers of one form only, as the hub issues them.

    Asking Django costs more than writing the event that carries the address.
    """
    if name not in _around:
        before, _, after = reverse(name, args=[number]).rpartition(number)
        _around[name] = before, after
    before, after = _around[name]
    return f"{before}{number}{after}"
