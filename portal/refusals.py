"""The base of what verbs refuse with a sentence of their own."""

from django.utils.functional import Promise


class Refusal(Exception):
    """Something the rules do not allow; `sentence` says to people why and what to do."""

    sentence: str | Promise = ""

    def __str__(self) -> str:
        return str(self.sentence)
