"""Who comes in and how much: people in every state, certificates in every state, registrations over a quota."""

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from portal import certificate_requests, certificates, people, quotas
from portal.access import Role
from portal.market import SupplyClass
from portal.models import CertificatePurpose, CertificateRequest, Company, Over, Registration
from portal.workdays import jst_date
from switching import registration_queue
from switching.demo.cases import EXACT, Plan, Teller
from switching.demo.clock import Clock
from switching.demo.estate import Site
from switching.demo.market import Market
from switching.demo.usage_files import Story

WEB, API = CertificatePurpose.WEB, CertificatePurpose.API
CSR, BUNDLE = CertificateRequest.Way.CSR, CertificateRequest.Way.BUNDLE
OVER_BY = 2
"""How many registrations wait over the quota."""
WISH_AHEAD = timedelta(days=40)


def change_staff(market: Market, clock: Clock) -> Story:
    """sora invited two people who have not come yet, without password and second factor; one of them is suspended."""
    now = yield clock.at(clock.business_day(-2), 13)
    administrator, company = market.people["sora.administrator"], market.companies["sora"]
    for username, name, role in (
        ("sora.shinjin", "新井 あおい", Role.INQUIRY),
        ("sora.kyushoku", "木下 楓", Role.VIEWER),
    ):
        user = people.invite(
            company=company,
            username=username,
            name=name,
            email=f"{username}@kirikae.example",
            roles=[role],
            by=administrator,
            now=now,
        )
    now = yield now + timedelta(hours=1)
    people.suspend(user, reason="休職のため", by=administrator, now=now)


def bring_certificates(market: Market, clock: Clock) -> Story:
    """Of sora: one in use at a desk, one for programs, a lost one, one to be collected, one to be decided on."""
    now = yield clock.no_later(clock.at(clock.business_day(-1), 10), before_end=timedelta(hours=2))
    administrator, company = market.people["sora.administrator"], market.companies["sora"]
    for terminal, purpose in (("受付1番窓口", WEB), ("業務サーバ", API), ("持出し端末3", WEB)):
        request = certificate_requests.ask(
            purpose=purpose, terminal=terminal, way=CSR, csr=_csr(company, terminal), by=administrator, now=now
        )
        issued = certificate_requests.approve(request, by=administrator, now=now)
    now = yield now + timedelta(minutes=40)
    assert issued is not None
    certificates.revoke(issued, reason="端末を紛失", by=administrator, now=now)
    asked = certificate_requests.ask(
        purpose=WEB, terminal="受付2番窓口", way=BUNDLE, by=market.people["sora.relay"], now=now
    )
    certificate_requests.approve(asked, by=administrator, now=now)
    certificate_requests.ask(purpose=WEB, terminal="照会端末", way=BUNDLE, by=market.people["sora.inquiry"], now=now)


def _csr(company: Company, terminal: str) -> bytes:
    """A request for a key that nobody keeps: the demo shows the papers, not the terminals."""
    names = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, company.name),
        x509.NameAttribute(NameOID.COMMON_NAME, terminal),
    ]
    key = ec.generate_private_key(ec.SECP256R1())
    built = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(key, hashes.SHA256())
    return built.public_bytes(Encoding.PEM)


def pass_the_quota(teller: Teller, sites: list[Site]) -> Story:
    """yama may register one more relay today, registers several, and what is over waits in its queue."""
    clock, market = teller.clock, teller.market
    now = yield clock.end - timedelta(minutes=20)
    company = market.companies["yama"]
    quotas.set_quota(
        company,
        Registration.RELAY,
        most=quotas.used(company.pk, Registration.RELAY, jst_date(now)) + 1,
        over=Over.QUEUE,
        by=market.people["hub.operator"],
        now=now,
    )
    now = yield now + timedelta(minutes=10)
    by = market.people["yama.relay"]
    for site in sites:
        wanted = site.wanted
        assert wanted.retailer is not None
        plan = Plan("yama", wanted.retailer, wanted.area, wanted.supply_class, EXACT, "waiting")
        wish = clock.today + WISH_AHEAD
        registration_queue.register_relay(teller.request(plan, site, wish, now), by=by, now=now)


def free_sites(sites: list[Site], *, market: Market) -> list[Site]:
    """Low-voltage points of umi in areas where yama takes part, without a case: one to register and those over it."""
    areas = {part.area for part in market.companies["yama"].participations.all()}
    fitting = (
        site
        for site in sites
        if site.wanted.retailer == "umi"
        and site.wanted.supply_class == SupplyClass.LV
        and site.wanted.area in areas
        and site.holder is not None
    )
    return list(fitting)[-1 - OVER_BY :]
