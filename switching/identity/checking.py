"""Everything a customer told beside everything the books hold."""

from switching.identity.places import compare_address
from switching.identity.reports import Claim, NumberRule, Report
from switching.identity.texts import DEFAULT_SEPARATORS, compare_contract_number, compare_kana, compare_name


def compare(given: Claim, held: Claim, *, number_rule: NumberRule | None = None) -> Report:
    """Compare what the gaining retailer was told with what the losing retailer holds, field by field.

    `number_rule` is the losing retailer's own format of contract numbers (its `separators`). Symmetric: the
    same report comes out with the sides exchanged. Domain notes, switching §6.
    """
    separators = number_rule.separators if number_rule else DEFAULT_SEPARATORS
    address = compare_address(given.address, held.address)
    return Report(
        contract_number=compare_contract_number(given.contract_number, held.contract_number, separators=separators),
        holder_name=compare_name(given.holder_name, held.holder_name),
        holder_kana=compare_kana(given.holder_kana, held.holder_kana),
        address=address.combined,
        place=address.place,
        building=address.building,
    )
