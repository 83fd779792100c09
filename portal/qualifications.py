"""Qualifications in the linkage test, as production asks for them before a company's use is approved."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal import ledger, verify_proof
from portal.access import Role
from portal.market import MarketRole
from portal.models import UseApplication, UseQualification, User
from portal.models.onboarding import UseKind
from portal.refusals import Refusal

ROLES_OF = {
    MarketRole.RETAILER: ("gaining", "losing"),
    MarketRole.NETWORK_OPERATOR: ("network",),
}
ALL_ROLES = frozenset(role for roles in ROLES_OF.values() for role in roles)
MOST_BYTES = 20_000_000


class Refused(Refusal):
    """A qualification is not settled, or is missing; `sentence` says why and what to do."""


class NotAllowed(Refused):
    sentence = _("Only the hub's operators may settle a qualification.")


class NotProven(Refused):
    def __init__(self, why: str) -> None:
        self.sentence = format_lazy(_("The evidence proves no qualification: {why}."), why=why)
        super().__init__(why)


class NotTrusted(Refused):
    sentence = _(
        "The evidence is signed with a key that is not the linkage test's. Name its public key in KIRIKAE_LINKAGE_KEYS."
    )


class OfAnother(Refused):
    sentence = _("The evidence is of another company, or of a role that the application does not ask for.")


class OldVersion(Refused):
    sentence = _("The evidence is of another version of the API. The qualification has to be run again for this one.")


class ReasonMissing(Refused):
    sentence = _("Please say why the qualification is waived; the ledger keeps it.")


class SettledAlready(Refused):
    sentence = _("The qualification of this role is settled already.")


class Missing(Refused):
    def __init__(self, roles: Iterable[str]) -> None:
        self.roles = sorted(roles)
        self.sentence = format_lazy(
            _("The qualification in the linkage test is missing for: {roles}. Take in its evidence or waive it first."),
            roles=", ".join(self.roles),
        )
        super().__init__(", ".join(self.roles))


def needed(application: UseApplication, market_roles: Iterable[str]) -> set[str]:
    """The roles an application has to be qualified for; none but for production, and where the hub asks for it."""
    if not settings.QUALIFICATION_NEEDED or application.kind != UseKind.PRODUCTION:
        return set()
    return {role for market_role in market_roles for role in ROLES_OF[MarketRole(market_role)]}


def missing(application: UseApplication, market_roles: Iterable[str]) -> set[str]:
    """Those of them that are neither proven nor waived for the present version."""
    settled = application.qualifications.filter(version=settings.QUALIFICATION_VERSION)
    return needed(application, market_roles) - set(settled.values_list("role", flat=True))


def require(application: UseApplication, market_roles: Iterable[str]) -> None:
    """Raise Missing where a qualification is neither proven nor waived."""
    if lacking := missing(application, market_roles):
        raise Missing(lacking)


def take_in(application: UseApplication, content: bytes, *, by: User, now: datetime) -> UseQualification:
    """Take signed evidence of the linkage test as one role's qualification.

    Raises NotAllowed, NotProven, NotTrusted, OfAnother, OldVersion, SettledAlready.
    """
    _only_operators(by)
    if len(content) > MOST_BYTES:
        raise NotProven("too large")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if len(names) != len(set(names)) or sum(info.file_size for info in archive.infolist()) > 10 * MOST_BYTES:
                raise NotProven("a file stands twice or is too large")
            files = {name: archive.read(name) for name in names}
        verify_proof.check(files)
        manifest, facts = json.loads(files["manifest.json"]), json.loads(files["qualification.json"])
        role, version, company = facts["role"], facts["api_version"], facts["company"]
        kind, key = manifest["case"]["kind"], manifest["public_key"]
    except verify_proof.Broken as broken:
        raise NotProven(str(broken)) from broken
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, RuntimeError, NotImplementedError) as error:
        raise NotProven(type(error).__name__) from error
    if key not in settings.LINKAGE_KEYS:
        raise NotTrusted
    if kind != "qualification" or company != application.name or role not in ALL_ROLES:
        raise OfAnother
    if version != settings.QUALIFICATION_VERSION:
        raise OldVersion
    digest = hashlib.sha256(content).hexdigest()
    return _settle(UseQualification(application=application, role=role, sha256=digest, key=key), by=by, now=now)


def waive(application: UseApplication, role: str, *, reason: str, by: User, now: datetime) -> UseQualification:
    """Settle a role without evidence. Raises NotAllowed, ReasonMissing, OfAnother, SettledAlready."""
    _only_operators(by)
    if not reason.strip():
        raise ReasonMissing
    if role not in ALL_ROLES:
        raise OfAnother
    return _settle(
        UseQualification(application=application, role=role, waived_because=reason.strip()[:400]), by=by, now=now
    )


def _settle(row: UseQualification, *, by: User, now: datetime) -> UseQualification:
    row.version, row.settled_at, row.settled_by = settings.QUALIFICATION_VERSION, now, by
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            ledger.record(
                "qualification.waived" if row.waived_because else "qualification.proven",
                f"use application {row.application_id}",
                by=by,
                now=now,
                purpose=row.waived_because,
                role=row.role,
                version=row.version,
                sha256=row.sha256,
            )
    except IntegrityError as error:
        raise SettledAlready from error
    return row


def _only_operators(by: User) -> None:
    if Role.OPERATOR not in by.roles:
        raise NotAllowed
