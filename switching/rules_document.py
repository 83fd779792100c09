"""The room's tables as a document people can read: moves, kinds, order of movements, capacity methods, codes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import TextChoices
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import override

from portal.market import SupplyClass
from switching import capacity, kinds, sequence
from switching.codes import AnswerCode
from switching.kinds import Kind
from switching.reasons import Reason
from switching.states import APPLICATION_MOVES, RELAY_MOVES, ApplicationMove, ApplicationState, RelayMove, RelayState

NOTHING = "–"


@dataclass(frozen=True)
class Table:
    """One table with its heading and a sentence before it; the first cell of a row is its head."""

    title: str
    intro: str
    head: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    @property
    def labelled(self) -> list[list[tuple[str, str]]]:
        """The rows with each cell's head beside it."""
        return [list(zip(self.head, row, strict=True)) for row in self.rows]


def tables() -> list[Table]:
    """All tables in the language that is active."""
    return [
        _moves(_("Moves of a cancellation relay"), RELAY_MOVES, RelayState, RelayMove),
        _moves(_("Moves of an application"), APPLICATION_MOVES, ApplicationState, ApplicationMove),
        _kinds(),
        _lead_times(),
        _sequence(
            _("Order of movements: beside one that is open"),
            _("On which days a new application (row) fits when another one (column) is open on the point."),
            sequence.OPEN,
        ),
        _sequence(
            _("Order of movements: after one that is done"),
            _("On which days a new application (row) fits when another one (column) has taken effect."),
            sequence.DONE,
        ),
        _capacity(),
        _codes(_("Reasons for rejecting a relay"), Reason),
        _codes(_("Codes of the network operator's answer"), AnswerCode),
    ]


def _moves(title: str, moves: dict, states: type[TextChoices], kinds_of_move: type[TextChoices]) -> Table:
    def leads(state: TextChoices | None, move: TextChoices) -> str:
        return str(moves[state, move].label) if (state, move) in moves else NOTHING

    used = [state for state in (None, *states) if any(key[0] == state for key in moves)]
    return Table(
        title,
        _("Where each move leads from each state; – is not possible. What is not a row has ended."),
        [_("Stands in"), *(str(move.label) for move in kinds_of_move)],
        [
            [str(state.label) if state else _("(new)"), *(leads(state, move) for move in kinds_of_move)]
            for state in used
        ],
    )


def _kinds() -> Table:
    names = {name: str(label) for name, label in kinds.FIELDS.items()}

    def listed(words: Iterable[str]) -> str:
        return ", ".join(words) or NOTHING

    return Table(
        _("Kinds of application"),
        _("What each kind asks for at each class of supply, beside the supply point and the desired date."),
        [
            _("Kind"),
            _("Class of supply"),
            _("Filed by"),
            _("Required"),
            _("Optional"),
            _("First day"),
            _("Days back"),
            _("Meter work"),
            _("Begins in"),
            _("Ends in"),
            _("Paired"),
        ],
        [
            [
                str(kind.label),
                f"{supply_class.value} {supply_class.label}",
                str(rule.filer.label),
                listed(names[name] for name in rule.required),
                listed(names[name] for name in rule.optional),
                str(rule.lead.label),
                str(rule.back_days or NOTHING),
                str(rule.work.label),
                listed(sorted(str(state.label) for state in rule.begins_in)),
                str(rule.ends_in.label) if rule.ends_in else _("as before"),
                _("yes") if rule.has_counterpart else _("no"),
            ]
            for (kind, supply_class), rule in kinds.RULES.items()
        ],
    )


def _lead_times() -> Table:
    return Table(
        _("Lead times"),
        _("Business days from the day of matching or filing; %(extra)s calendar days are added.")
        % {"extra": settings.LEAD_EXTRA_DAYS},
        [_("Class of supply"), _("Without meter work"), _("With meter work")],
        [[f"{name} {SupplyClass(name).label}", *map(str, days)] for name, days in settings.LEAD_BUSINESS_DAYS.items()],
    )


def _sequence(title: str, intro: str, orders: dict[Kind, dict[Kind, sequence.Order]]) -> Table:
    return Table(
        title,
        intro,
        [_("New application"), *(str(kind.label) for kind in Kind)],
        [[str(kind.label), *(str(orders[kind][other].label) for other in Kind)] for kind in Kind],
    )


def _capacity() -> Table:
    return Table(
        _("Changes of the capacity determination method"),
        _("What the present method may become on a switch; what is not a row does not change."),
        [_("Wheeling service menu"), _("Present method"), _("May become")],
        [
            [str(menu.label), str(method.label), ", ".join(str(wanted.label) for wanted in sorted(allowed))]
            for (menu, method), allowed in capacity.TRANSITIONS.items()
        ],
    )


def _codes(title: str, codes: type[TextChoices] | type[Reason]) -> Table:
    return Table(
        title, _("A closed list."), [_("Code"), _("Words")], [[str(code.value), str(code.label)] for code in codes]
    )


def markdown() -> str:
    """The whole document, Japanese and English, as `docs/rules.md` holds it."""
    parts = [
        "# 業務ルール一覧 / The rules of switching as tables\n",
        "この文書は `manage.py tables` がプログラム内の表から作ります。 / "
        "Written by `manage.py tables` from the tables the product works with.\n",
    ]
    for language, heading in (("ja", "日本語"), ("en", "English")):
        with override(language):
            parts.append(f"## {heading}\n")
            parts += [_drawn(table) for table in tables()]
    return "\n".join(parts)


def _drawn(table: Table) -> str:
    lines = [f"### {capfirst(table.title)}", "", table.intro, ""]
    lines += [f"| {' | '.join(table.head)} |", f"|{'---|' * len(table.head)}"]
    lines += [f"| {' | '.join(row)} |" for row in table.rows]
    return "\n".join(lines) + "\n"
