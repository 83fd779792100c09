"""Hub-issued case numbers: never reused, safe to read over the telephone: the last digit checks the rest."""

from django.db import connection

from portal.checkdigits import luhn as check_digit

RELAY, APPLICATION, QUEUED, UNDOING = "R", "A", "Q", "U"


def issue(prefix: str, count: int = 1) -> list[str]:
    """`count` fresh numbers of a prefix letter and ten digits, in rising order, one statement for all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('switching_case_number') FROM generate_series(1, %s)", [count])
        return [f"{prefix}{n:09d}{check_digit(f'{n:09d}')}" for (n,) in cursor.fetchall()]


def is_well_formed(number: str) -> bool:
    """True when the number could have been issued (its check digit fits)."""
    digits = number[1:]
    return (
        number[:1] in (RELAY, APPLICATION, QUEUED, UNDOING)
        and len(digits) == 10
        and digits.isascii()
        and digits.isdigit()
        and check_digit(digits[:-1]) == digits[-1]
    )
