"""Contract numbers and names of holders compared."""

import re
from collections.abc import Iterable

from metering import folding
from metering.folding import Pipeline, Step, needed_steps
from switching.identity.reports import ORDER, Comparison, Field, Rule, Verdict

BASIC: Pipeline = (
    (Step.VARIATION, folding.drop_variations),
    (Step.WIDTH, folding.fold_width),
)
_NAME: Pipeline = (
    *BASIC,
    (Step.COMPANY_FORM, folding.fold_company_form),
    (Step.TITLE, folding.drop_titles),
    (Step.SPACES, folding.drop_spaces),
    (Step.KANA, folding.fold_kana),
    (Step.SMALL_KANA, folding.enlarge_kana),
    (Step.DASHES, folding.unify_dashes),
    (Step.PUNCTUATION, folding.drop_punctuation),
    (Step.LETTER_CASE, folding.fold_case),
)
LOOSE_CHARACTERS: Pipeline = (
    (Step.OLD_FORM, folding.fold_old_forms),
    (Step.VOICED_KANA, folding.fold_voiced),
    (Step.ITERATION, folding.expand_iteration),
    (Step.LOOKALIKE, folding.fold_lookalikes),
)
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_NAME_PARTS = re.compile(r"[\s　・･,，=＝゠]+")
DEFAULT_SEPARATORS = "-‐ "


def has_content(text: str) -> bool:
    """True when there is anything beside marks and dashes."""
    return any(char.isalnum() for char in folding.fold_width(text) if char not in folding.DASHES)


def _rules(steps: Iterable[Step]) -> tuple[Rule, ...]:
    return tuple(sorted({Rule(step.value) for step in steps}, key=ORDER.__getitem__))


def comparison(field: Field, verdict: Verdict, steps: Iterable[Step] = ()) -> Comparison:
    """The comparison of a field, with the rules behind the steps in their order."""
    return Comparison(field, verdict, _rules(steps))


def _compare_text(field: Field, given: str, held: str, strict: Pipeline, loose: Pipeline) -> Comparison:
    if not (has_content(given) and has_content(held)):
        return comparison(field, Verdict.MISSING)
    if given == held:
        return comparison(field, Verdict.EXACT)
    steps = needed_steps(given, held, strict)
    if steps is not None:
        return comparison(field, Verdict.NORMALISED, steps)
    steps = needed_steps(given, held, loose)
    if steps is not None:
        return comparison(field, Verdict.WEAK, steps)
    return comparison(field, Verdict.DIFFERENT)


def _number_pipeline(separators: str) -> Pipeline:
    dropped = set(folding.fold_width(separators)) | set(separators)
    dashes = bool(dropped & set(folding.DASHES))
    spaces = any(not folding.drop_spaces(char) for char in dropped)

    def drop_separators(text: str) -> str:
        if spaces:
            text = folding.drop_spaces(text)
        return "".join(c for c in text if c not in dropped and not (dashes and c in folding.DASHES))

    def alphanumeric(text: str) -> str:
        plain = "".join(c for c in text if c not in folding.DASHES)
        return _NOT_ALPHANUMERIC.sub("", plain)

    return (*BASIC, (Step.SEPARATORS, drop_separators), (Step.ALPHANUMERIC, alphanumeric))


def normalise_contract_number(text: str, *, separators: str = DEFAULT_SEPARATORS) -> str:
    """The digits and letters of a contract number; leading zeros and capitals stay.

    `separators` are the characters the retailer's own format rule drops. Domain notes, switching §6.
    """
    return folding.fold(text, _number_pipeline(separators))


def normalise_name(text: str) -> str:
    """A holder's name, kanji or kana, after the strict rules: 株式会社 written out, no titles, no spaces,
    katakana without small letters. Domain notes, switching §6.
    """
    return folding.fold(text, _NAME)


def compare_contract_number(given: str, held: str, *, separators: str = DEFAULT_SEPARATORS) -> Comparison:
    """Compare two contract numbers: digits and letters only, leading zeros kept.

    `separators` are the characters the retailer's own format rule drops; a difference in capitals only is
    weak. Domain notes, switching §6.
    """
    strict = _number_pipeline(separators)
    loose = (*strict, (Step.NUMBER_CASE, folding.fold_case))
    return _compare_text(Field.CONTRACT_NUMBER, given, held, strict, loose)


def compare_name(given: str, held: str) -> Comparison:
    """Compare two holder names: width, kana, company form and titles are strict rules; old forms of
    characters, place or absence of the company form and western name order are loose. Domain notes,
    switching §6.
    """
    return _compare_holder(Field.HOLDER_NAME, given, held)


def compare_kana(given: str, held: str) -> Comparison:
    """Compare two names in kana, by the same rules as names. Domain notes, switching §6."""
    return _compare_holder(Field.HOLDER_KANA, given, held)


def _compare_holder(field: Field, given: str, held: str) -> Comparison:
    loose = _loose_name(given, held)
    found = _compare_text(field, given, held, _NAME, loose)
    if found.verdict is not Verdict.DIFFERENT:
        return found
    ways: set[tuple[Rule, ...]] = set()
    for one, other in ((given, held), (held, given)):
        for turned in _turned(one):
            steps = needed_steps(turned, other, loose)
            if steps is not None:
                # the blank between the parts is already gone, whichever side had it
                ways.add(_rules({*steps, Step.NAME_ORDER} - {Step.SPACES, Step.PUNCTUATION}))
    if not ways:
        return found
    return Comparison(field, Verdict.WEAK, min(ways, key=lambda rules: (len(rules), rules)))


def _loose_name(given: str, held: str) -> Pipeline:
    one, other = folding.fold(given, _NAME), folding.fold(held, _NAME)
    pipeline = [*_NAME, *LOOSE_CHARACTERS]
    if folding.has_representative(given) != folding.has_representative(held):
        pipeline.insert(0, (Step.REPRESENTATIVE, folding.drop_representative))
    if bool(folding.company_forms(one)) != bool(folding.company_forms(other)):
        # one side without its form; 有限会社 for 株式会社 stays another company
        pipeline.insert(-len(LOOSE_CHARACTERS), (Step.COMPANY_MISSING, folding.drop_company_form))
    elif folding.company_forms(one):
        pipeline.insert(-len(LOOSE_CHARACTERS), (Step.COMPANY_POSITION, folding.company_form_first))
    return tuple(pipeline)


def _turned(text: str) -> list[str]:
    """The other orders a name of two to four parts may be written in."""
    parts = [part for part in _NAME_PARTS.split(folding.fold_width(text).strip()) if part]
    if not 2 <= len(parts) <= 4:
        return []
    turns = ["".join(parts[shift:] + parts[:shift]) for shift in range(1, len(parts))]
    return list(dict.fromkeys(turns))
