"""Is the customer of a relay the one in our books? A comparison that says what made two values equal.

Pure: values in, verdicts and rules out. It never carries the values themselves, so a report can be kept, shown
and counted without telling one retailer what the other has stored. Rules: domain notes, switching §6.

checking   everything the customer told beside everything the books hold
texts      contract numbers and names
places     addresses, buildings, rooms
reports    verdicts, fields, rules, and what they are called
"""

from switching.identity.checking import (
    compare,
)
from switching.identity.places import (
    compare_address,
    compare_parsed,
    same_place_keys,
)
from switching.identity.reports import (
    RULE_NOTES,
    AddressComparison,
    Claim,
    Comparison,
    Field,
    NumberRule,
    Report,
    Rule,
    RuleNote,
    Verdict,
)
from switching.identity.texts import (
    DEFAULT_SEPARATORS,
    compare_contract_number,
    compare_kana,
    compare_name,
    normalise_contract_number,
    normalise_name,
)

__all__ = [
    "DEFAULT_SEPARATORS",
    "RULE_NOTES",
    "AddressComparison",
    "Claim",
    "Comparison",
    "Field",
    "NumberRule",
    "Report",
    "Rule",
    "RuleNote",
    "Verdict",
    "compare",
    "compare_address",
    "compare_contract_number",
    "compare_kana",
    "compare_name",
    "compare_parsed",
    "normalise_contract_number",
    "normalise_name",
    "same_place_keys",
]
