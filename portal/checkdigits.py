"""Check digits of numbers that people read over the telephone."""


def luhn(digits: str) -> str:
    """Luhn's check digit: finds every single wrong digit and nearly every swap of two neighbours."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)
