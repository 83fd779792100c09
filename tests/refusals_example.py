"""A few functions for the reading of sources to be tried on."""

import functools


class Refused(Exception):
    """Above the others."""


class Raised(Refused): ...


class Made(Refused): ...


class FromAnother(Refused): ...


class RaisedAgain(Refused): ...


class Caught(Refused): ...


class Translated(Exception): ...


def another() -> None:
    raise FromAnother


def again() -> None:
    try:
        raise RaisedAgain
    except Refused as refusal:
        raise refusal


def made() -> Refused:
    return Made()


def deed(is_wrong: bool) -> None:
    try:
        caught_inside()
    except Caught:
        pass
    try:
        raise Translated
    except (Translated, Caught) as error:
        raise Raised from error
    for each in (functools.partial(another), lambda: again()):
        each()
    raise made()


def caught_inside() -> None:
    raise Caught
