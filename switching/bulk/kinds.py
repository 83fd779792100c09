"""The kinds of files there are, by what their rows ask for."""

from switching.bulk.explanations import Explanations
from switching.bulk.filings import INTRODUCTIONS, Filings
from switching.bulk.judgements import Judgements
from switching.bulk.kind import FileKind
from switching.bulk.meter_reports import MeterReports
from switching.bulk.network_answers import NetworkAnswers
from switching.bulk.plans import Plans
from switching.bulk.questions import Questions
from switching.bulk.registrations import Registrations
from switching.bulk.withdrawals import Withdrawals
from switching.models import Application

KINDS: dict[str, FileKind] = {
    kind.content.value: kind
    for kind in (
        *(Questions(), Plans()),
        *(Explanations(), Registrations(), Judgements(), Withdrawals()),
        *(NetworkAnswers(), MeterReports()),
        *(Filings(Application.Kind(kind)) for kind in INTRODUCTIONS),
    )
}
