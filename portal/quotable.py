"""Numbers that people read to one another over the telephone."""

import secrets

LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that sounds or looks like something else


def quotable_id() -> str:
    """Eight letters in two groups, safe to read over the telephone."""
    letters = [secrets.choice(LETTERS) for _place in range(8)]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])
