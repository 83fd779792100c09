"""Whether what a customer said in a request for past usage fits the contract held: the identity check's rules again."""

from collections.abc import Sequence

from metering.models import Contract, UsageAccessRequest
from switching import identity
from switching.identity import Claim, Verdict
from switching.models import RetailerPolicy


def differing(pairs: Sequence[tuple[UsageAccessRequest, Contract]]) -> set[int]:
    """The ids of the requests whose number, holder or address differ from the contract; one query for all.

    The contract number has to be equal after the strict rules. A holder or address equal only after the loose rules
    passes: there is never a refusal without a person for what is merely weak (domain notes, switching §6).
    """
    policies = RetailerPolicy.objects.in_bulk({contract.retailer_id for _request, contract in pairs})
    found = set()
    for request, contract in pairs:
        given = Claim(request.contract_number, request.holder_name, request.holder_kana, request.holder_address)
        held = Claim(contract.number, contract.holder_name, contract.holder_kana, contract.holder_address)
        report = identity.compare(given, held, number_rule=policies.get(contract.retailer_id))
        if not (report.contract_number.is_equal and _passes(report.holder_name) and _passes(report.address)):
            found.add(request.pk)
    return found


def _passes(item: identity.Comparison) -> bool:
    return item.is_equal or item.verdict == Verdict.WEAK
