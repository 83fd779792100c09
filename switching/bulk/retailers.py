"""Retailers as rows of a file name them: by their participant code in the point's area, or by their name."""

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Q
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal.market import Area, MarketRole
from portal.models import Company, Participation
from switching.bulk.rows import Row, folded


def find_retailers(rows: Sequence[Row]) -> None:
    """Set `found["losing_retailer"]` of every row that names one; a row that names none is passed over."""
    named: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if not row.is_wrong and row.values["losing_retailer"]:
            named[folded(row.values["losing_retailer"])].append(row)
    if not named:
        return
    given = {row.values["losing_retailer"] for rows_ in named.values() for row in rows_}
    codes = {(part.area, part.code.casefold()): part for part in _codes(named)}
    companies: dict[str, Company] = {}
    for found in Company.objects.filter(Q(name__in=given) | Q(name_en__in=given), is_active=True):
        companies |= {folded(name): found for name in (found.name, found.name_en) if name}
    for word, its_rows in named.items():
        for row in its_rows:
            part = codes.get((row.area, word))
            company: Company | None = part.company if part else companies.get(word)
            if company is None:
                row.error(
                    "unknown_retailer",
                    ["losing_retailer"],
                    format_lazy(
                        _(
                            "“{name}” is no retailer's participant code in {area} and no name in the participant "
                            "registry. Please take the code from there."
                        ),
                        name=row.cells["losing_retailer"][:60],
                        area=Area(row.area).label,
                    ),
                )
            else:
                row.found["losing_retailer"] = company


def _codes(named: dict[str, list[Row]]) -> list[Participation]:
    return list(
        Participation.objects.filter(
            market_role=MarketRole.RETAILER, code__in=[word.upper() for word in named], company__is_active=True
        ).select_related("company")
    )
