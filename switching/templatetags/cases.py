"""Words of a case in notices, whose context holds plain JSON values: ISO days and moments, codes.

{{ desired_date|day }}   {{ due_at|moment }}   {{ kind_label|kind_words }}
{{ reasons|reason_words }}   {{ codes|code_words }}   {{ undo_kind|undo_words }}   {{ work|work_words }}
"""

from collections.abc import Iterable
from datetime import date, datetime

from django import template

from portal.market import SupplyClass
from portal.templatetags.words import NOTHING, jst
from switching.codes import AnswerCode
from switching.models import Application, MeterWork
from switching.reasons import Reason
from switching.undo_states import UndoKind

register = template.Library()


@register.filter
def day(text: str) -> str:
    """An ISO day as pages write it."""
    return jst(date.fromisoformat(text)) if text else NOTHING


@register.filter
def moment(text: str) -> str:
    """An ISO moment in Japanese time as pages write it."""
    return jst(datetime.fromisoformat(text)) if text else NOTHING


@register.filter
def kind_words(code: str) -> str:
    """An application's kind."""
    return str(Application.Kind(code).label)


@register.filter
def undo_words(code: str) -> str:
    """The kind of an undoing."""
    return str(UndoKind(code).label)


@register.filter
def work_words(code: str) -> str:
    """A kind of work at a meter."""
    return str(MeterWork.Kind(code).label)


@register.filter
def class_words(code: str) -> str:
    """A class of supply in words alone."""
    return str(SupplyClass(code).label)


@register.filter
def reason_words(codes: Iterable[int]) -> str:
    """The reasons of a rejection; the words of an "other" stand on the relay's page alone."""
    return " / ".join(str(Reason(code).label) for code in codes)


@register.filter
def code_words(codes: Iterable[str]) -> str:
    """The codes of a network operator's answer with their words."""
    return " / ".join(f"{code} {AnswerCode(code).label}" for code in codes)
