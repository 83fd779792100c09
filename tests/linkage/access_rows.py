"""The linkage room's rows of the access sweep."""

from linkage import scripts, travel
from linkage.models import Market, Qualification
from portal import companies
from portal.companies import TakesPart
from portal.market import Area, MarketRole
from tests.access_rows import Row
from tests.cast import NOW, make_points


def a_clock(cast):
    travel.wind(now=NOW)
    return {}


def a_script(cast):
    travel.wind(now=NOW)
    return {"pk": scripts.write(partner="losing", number="1", behaves_as="2", by=None, now=NOW).pk}


def a_qualification(cast):
    values = {
        "role": "gaining",
        "version": f"{1 + Qualification.objects.count()}",
        "handed_over_at": NOW,
        "name": "x.zip",
        "pack": b"x",
        "sha256": "0" * 64,
    }
    return {"pk": Qualification.objects.create(company=cast.sora, **values).pk}


def a_participant(cast):
    """The least of a market's cast that the cases ask about."""
    travel.wind(now=NOW)
    part = TakesPart(MarketRole.NETWORK_OPERATOR, Area.KYUSHU, "0WNN9")
    companies.take_part(cast.sora, part, by=None, now=NOW)
    return {}


def a_role(cast):
    return a_participant(cast) | {"role": "gaining"}


def a_market(cast):
    return {"name": Market.objects.create(name="sora", company=cast.sora, created_at=NOW).name}


ROWS = {
    "linkage:home": Row("inside"),
    "linkage:open": Row("ability", owner="sora.administrator", method="post"),
    "linkage:book": Row("ability", owner="sora.administrator", method="post"),
    "linkage:reset": Row("ability", owner="sora.administrator", kwargs=a_market),
    "linkage:travel": Row("ability", owner="sora.administrator", kwargs=a_clock, shared=True, method="post"),
    "linkage:program": Row("ability", owner="sora.administrator", kwargs=a_clock, shared=True, method="post"),
    "linkage:partners": Row("inside", kwargs=a_clock, shared=True),
    "linkage:script-forget": Row("ability", owner="sora.administrator", kwargs=a_script, shared=True, method="post"),
    "linkage:order": Row("ability", owner="sora.administrator", kwargs=a_clock, shared=True, method="post"),
    "linkage:customers": Row("inside", kwargs=a_clock, shared=True, one_more=lambda cast: make_points(cast, 1)),
    "linkage:qualification": Row("inside", kwargs=a_participant, shared=True),
    "linkage:hand-over": Row("ability", owner="sora.administrator", kwargs=a_role, shared=True, method="post"),
    "linkage:qualifications": Row("inside", one_more=a_qualification),
    "linkage:evidence": Row("inside", kwargs=a_qualification),
}
