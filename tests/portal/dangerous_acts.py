"""The dangerous acts, one line each: who does it, where, what is entered, and how to see that it was done.

A view marked with `sessions.freshly_proven` or `deed_freshly_proven` must have a line here (`test_step_up.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticToken
from django_otp_webauthn.models import WebAuthnCredential

from portal import gates, onboarding, quotas
from portal.access import Role
from portal.models import (
    ApiClient,
    Certificate,
    Company,
    ExtraHoliday,
    Function,
    Gate,
    LedgerEntry,
    MaintenanceWindow,
    Proposal,
    Quota,
    Registration,
    User,
    Webhook,
)
from switching.models import Relay
from tests import calling
from tests.cast import NOW, Cast
from tests.portal import certificate_tools
from tests.portal.access_rows import a_webhook
from tests.portal.newcomers import filed, second_operator
from tests.switching.cases import Play

BENCH = "/workbench/portal"


@dataclass(frozen=True)
class Act:
    """`url` makes the case and says where the act is; `done` is True when it was done."""

    owner: str
    url: Callable[[Cast], str]
    done: Callable[[], Any]
    data: dict[str, Any] | Callable[[], dict[str, Any]] = field(default_factory=dict)


def viewer() -> User:
    return User.objects.get(username="sora.viewer")


def on_account(name: str) -> Callable[[Cast], str]:
    return lambda cast: reverse(f"portal:{name}", args=[cast["sora.viewer"].username])


def a_suspended_account(cast: Cast) -> str:
    url = on_account("thaw")(cast)
    User.objects.filter(username="sora.viewer").update(is_active=False)
    return url


def a_request(cast: Cast) -> str:
    return reverse("portal:certificate-decision", args=[certificate_tools.asked(cast["sora.administrator"]).pk])


def an_approved_request(cast: Cast) -> str:
    return reverse("portal:certificate-collection", args=[certificate_tools.approved(cast["sora.administrator"]).pk])


def a_bundle(cast: Cast) -> str:
    return reverse("portal:certificate-bundle", args=[certificate_tools.collected(cast["sora.administrator"])[0].pk])


def a_certificate(cast: Cast) -> str:
    return reverse("portal:certificate-revocation", args=[certificate_tools.issued(cast["sora.administrator"]).pk])


def a_company_with_a_certificate(cast: Cast) -> str:
    certificate_tools.issued(cast["sora.administrator"])
    return reverse("portal:certificate-policy")


def a_passkey(cast: Cast) -> str:
    WebAuthnCredential.objects.create(
        pk=7, user=cast["sora.relay"], name="鍵", credential_id=b"x", public_key=b"x", transports=[], aaguid="0" * 32
    )
    return reverse("portal:passkeys")


def a_case(cast: Cast) -> str:
    play = Play(cast, NOW)
    play.relay(play.point())
    return reverse("portal:evidence")


def on_a_client(name: str) -> Callable[[Cast], str]:
    return lambda cast: reverse(f"portal:{name}", args=[calling.caller(cast, "sora", "relay").client.client_id])


PAGES: dict[str, Act] = {
    "portal:api-client-new": Act(
        "sora.administrator",
        lambda cast: reverse("portal:api-client-new"),
        lambda: ApiClient.objects.filter(user__name="夜間連携").exists(),
        {"name": "夜間連携", "roles": ["relay"]},
    ),
    "portal:api-client-roles": Act(
        "sora.administrator",
        on_a_client("api-client-roles"),
        lambda: User.objects.get(is_machine=True).roles == {"usage"},
        {"roles-TOTAL_FORMS": "1", "roles-INITIAL_FORMS": "0", "roles-0-role": "usage", "roles-0-area": ""},
    ),
    "portal:api-client-rotation": Act(
        "sora.administrator",
        on_a_client("api-client-rotation"),
        lambda: ApiClient.objects.filter(former_until__isnull=False).exists(),
        {"overlap": "1"},
    ),
    "portal:api-client-revocation": Act(
        "hub.operator",
        on_a_client("api-client-revocation"),
        lambda: ApiClient.objects.filter(revoked_at__isnull=False).exists(),
    ),
    "portal:invitation-new": Act(
        "sora.administrator",
        lambda cast: reverse("portal:invitation-new"),
        lambda: User.objects.filter(username="sora.neu", name="空 新").exists(),
        {"username": "sora.neu", "name": "空 新", "email": "neu@sora.example", "roles": ["relay", "inquiry"]},
    ),
    "portal:person-change": Act(
        "sora.administrator",
        on_account("person-change"),
        lambda: viewer().email == "other@sora.example",
        {"name": "空 閲覧", "email": "other@sora.example"},
    ),
    "portal:person-roles": Act(
        "sora.administrator",
        on_account("person-roles"),
        lambda: viewer().roles == {"relay"},
        {"roles-TOTAL_FORMS": "1", "roles-INITIAL_FORMS": "0", "roles-0-role": "relay", "roles-0-area": ""},
    ),
    "portal:suspension": Act(
        "sora.administrator", on_account("suspension"), lambda: not viewer().is_active, {"reason": "長期の休み"}
    ),
    "portal:thaw": Act("sora.administrator", a_suspended_account, lambda: viewer().is_active),
    "portal:second-factor-reset": Act(
        "sora.administrator", on_account("second-factor-reset"), lambda: not viewer().totpdevice_set.exists()
    ),
    "portal:password-link": Act(
        "sora.administrator", on_account("password-link"), lambda: not viewer().has_usable_password()
    ),
    "portal:departure": Act(
        "sora.administrator",
        on_account("departure"),
        lambda: viewer().left_at,
        {"reason": "退職"},
    ),
    "portal:recovery-codes": Act(
        "sora.viewer", lambda cast: reverse("portal:recovery-codes"), lambda: StaticToken.objects.count() == 10
    ),
    "portal:passkeys": Act(
        "sora.relay", a_passkey, lambda: not WebAuthnCredential.objects.filter(pk=7).exists(), {"remove": "7"}
    ),
    "portal:certificate-decision": Act(
        "sora.administrator", a_request, lambda: Certificate.objects.exists(), {"deed": "approve"}
    ),
    "portal:certificate-collection": Act(
        "sora.administrator", an_approved_request, lambda: Certificate.objects.exists()
    ),
    "portal:certificate-bundle": Act(
        "sora.administrator", a_bundle, lambda: Certificate.objects.filter(bundle=None).exists()
    ),
    "portal:certificate-revocation": Act(
        "sora.administrator",
        a_certificate,
        lambda: Certificate.objects.get().revocation_reason == "端末を廃棄",
        {"reason": "端末を廃棄"},
    ),
    "portal:certificate-policy": Act(
        "sora.administrator",
        a_company_with_a_certificate,
        lambda: Company.objects.filter(web_certificate_required=True).exists(),
        {"required": "yes"},
    ),
    "portal:webhook-new": Act(
        "sora.administrator",
        lambda cast: reverse("portal:webhook-new"),
        lambda: Webhook.objects.exists(),
        {"url": "http://127.0.0.1:9999/", "topics": ["relays"]},
    ),
    "portal:webhook-secret": Act(
        "sora.administrator",
        lambda cast: reverse("portal:webhook-secret", kwargs=a_webhook(cast)),
        lambda: not Webhook.objects.filter(former_secret="").exists(),
    ),
    "portal:webhook-removal": Act(
        "sora.administrator",
        lambda cast: reverse("portal:webhook-removal", kwargs=a_webhook(cast)),
        lambda: Webhook.objects.filter(state=Webhook.State.REMOVED).exists(),
    ),
    "portal:evidence": Act(
        "hub.auditor",
        a_case,
        lambda: LedgerEntry.objects.filter(action="proof.export", purpose="監査 2026").exists(),
        lambda: {"number": Relay.objects.get().number, "reason": "監査 2026"},
    ),
}


def a_proposal(cast: Cast) -> Proposal:
    return onboarding.propose_role(cast["sora.relay"], role=Role.ADMINISTRATOR, by=second_operator(cast), now=NOW)


def a_gate(cast: Cast) -> Gate:
    return gates.open_function(Function.RELAYS, opened_from=NOW, by=None, now=NOW)


def a_quota(cast: Cast) -> Quota:
    return quotas.set_quota(cast.sora, Registration.RELAY, most=1, by=None, now=NOW)


@dataclass(frozen=True)
class BenchAct:
    """`where` makes the case and gives address and entries; every deed of the workbench is dangerous."""

    where: Callable[[Cast], tuple[str, dict[str, Any]]]
    done: Callable[[], Any]


WORKBENCH: dict[str, BenchAct] = {
    "a quota is set": BenchAct(
        lambda cast: (
            f"{BENCH}/quota/add/",
            {"company": cast.sora.pk, "registration": "relay", "most": "10", "over": "refuse"},
        ),
        lambda: Quota.objects.exists(),
    ),
    "a quota is lifted": BenchAct(
        lambda cast: (f"{BENCH}/quota/{a_quota(cast).pk}/delete/", {"post": "yes"}),
        lambda: not Quota.objects.exists(),
    ),
    "a gate is opened": BenchAct(
        lambda cast: (
            f"{BENCH}/gate/add/",
            {
                **{"environment": "test", "function": "relays", "note": "開始 & <b>"},
                **{"opened_from_0": "2030-03-01", "opened_from_1": "13:00", "closed_from_0": "", "closed_from_1": ""},
            },
        ),
        lambda: Gate.objects.filter(note="開始 & <b>").exists(),
    ),
    "a gate is taken back": BenchAct(
        lambda cast: (f"{BENCH}/gate/{a_gate(cast).pk}/delete/", {"post": "yes"}),
        lambda: not Gate.objects.exists(),
    ),
    "maintenance is announced": BenchAct(
        lambda cast: (
            f"{BENCH}/maintenancewindow/add/",
            {
                **{"environment": "test", "function": "everything", "words_ja": "停電", "words_en": "Power cut"},
                **{"begins_at_0": "2030-03-01", "begins_at_1": "13:00", "ends_at_0": "2030-03-01"},
                **{"ends_at_1": "18:00", "announced_from_0": "2030-02-01", "announced_from_1": "00:00"},
            },
        ),
        lambda: MaintenanceWindow.objects.exists(),
    ),
    "a holiday is set": BenchAct(
        lambda cast: (f"{BENCH}/extraholiday/add/", {"area": "03", "day": "2030-03-01", "name": "創立記念日"}),
        lambda: ExtraHoliday.objects.exists(),
    ),
    "a proposal is confirmed": BenchAct(
        lambda cast: (f"{BENCH}/proposal/{a_proposal(cast).pk}/change/", {"deed": "confirm"}),
        lambda: Proposal.objects.get().state == "confirmed",
    ),
    "a proposal is declined": BenchAct(
        lambda cast: (f"{BENCH}/proposal/{a_proposal(cast).pk}/change/", {"deed": "decline", "reason": "不要"}),
        lambda: Proposal.objects.get().reason == "不要",
    ),
    "the approval of a company is proposed": BenchAct(
        lambda cast: (
            f"{BENCH}/useapplication/{filed().pk}/change/",
            {"deed": "propose", "code-retailer-03": "H0SH3", "code-retailer-06": "H0SH6"},
        ),
        lambda: Proposal.objects.filter(act=onboarding.APPROVE.key).exists(),
    ),
    "an administrator is proposed": BenchAct(
        lambda cast: (
            f"{BENCH}/user/",
            {"action": "propose_administrator", "_selected_action": [cast["sora.relay"].pk, cast["sora.viewer"].pk]},
        ),
        lambda: Proposal.objects.count() == 2,
    ),
    "a second factor is reset": BenchAct(
        lambda cast: (
            f"{BENCH}/user/",
            {"action": "reset_second_factor", "_selected_action": [cast["sora.viewer"].pk]},
        ),
        lambda: not viewer().totpdevice_set.exists(),
    ),
    "a company is suspended": BenchAct(
        lambda cast: (f"{BENCH}/company/", {"action": "suspend", "_selected_action": [cast.sora.pk]}),
        lambda: Company.objects.filter(is_active=False).exists(),
    ),
    "a certificate is revoked": BenchAct(
        lambda cast: (
            f"{BENCH}/certificate/",
            {
                "action": "revoke",
                "_selected_action": [certificate_tools.issued(cast["sora.administrator"]).pk],
            },
        ),
        lambda: Certificate.objects.get().revoked_at,
    ),
}

WITH_A_FILE = "portal:certificate-registration"
"""What is entered there is a file, which no page can keep: the factor is asked for before, and else the file again."""
