"""The ground floor's rows of the access sweep."""

from datetime import timedelta

from portal import documents, ledger, onboarding, outbox, people, saved_views, statements, webhooks
from portal.models import Certificate, Document, EventStatement, SavedView, User, Webhook
from portal.models.onboarding import UseKind
from tests import calling
from tests.access_rows import Row
from tests.cast import NOW, client_of, one_more_company, person
from tests.portal import certificate_tools, desk


def a_view(cast):
    by = cast["sora.viewer"]
    view = saved_views.save(page="portal:notices", query="", name="毎朝", is_shared=False, by=by, now=NOW)
    return {"pk": view.pk}


def an_api_client(cast):
    return {"client_id": calling.caller(cast, "sora", "relay").client.client_id}


def an_account(cast):
    return {"username": cast["sora.viewer"].username}


def an_invitation(cast):
    _, _, uid, token, _ = people.password_link(cast["sora.viewer"]).split("/")
    return {"uid": uid, "token": token}


def a_use_application(cast):
    """Whoever has the key may open it: the key is the only way in."""
    asked = onboarding.Asked(UseKind.PRODUCTION, "hoshi@hoshi.example", 1)
    return {"key": onboarding.begin(asked, now=NOW).key}


def a_link(cast):
    letter = onboarding.ask_for_link(kind=UseKind.PRODUCTION, address="hoshi@hoshi.example", asked_from=None, now=NOW)
    return {"token": onboarding.link_of(letter).rstrip("/").rpartition("/")[2]}


def a_certificate_request(cast):
    return {"pk": certificate_tools.asked(cast["sora.administrator"]).pk}


def an_approved_request(cast):
    return {"pk": certificate_tools.approved(cast["sora.administrator"]).pk}


def a_certificate(cast):
    return {"pk": certificate_tools.issued(cast["sora.administrator"]).pk}


def a_bundle(cast):
    return {"pk": certificate_tools.collected(cast["sora.administrator"])[0].pk}


def a_webhook(cast):
    by = cast["sora.administrator"]
    hook, _secret = webhooks.register(url="http://127.0.0.1:9999/", topics=["relays"], by=by, now=NOW)
    return {"pk": hook.pk}


def a_paused_webhook(cast):
    found = a_webhook(cast)
    webhooks.pause(found["pk"], by=cast["sora.administrator"], now=NOW)
    return found


def a_notice(cast):
    outbox.post(outbox.Post(cast.sora.pk, "company_begins", "sora", context={"instead_of": "2026-04-01"}), now=NOW)


def a_statement(cast):
    """The day's events of sora's, one day after the other."""
    day = NOW + timedelta(days=EventStatement.objects.filter(company=cast.sora).count())
    outbox.post(outbox.Post(cast.sora.pk, "company_begins", "sora", context={"instead_of": "2026-04-01"}), now=day)
    statements.make_due(now=day + timedelta(days=1))


def an_own_view(cast):
    name = f"毎朝 {SavedView.objects.count()}"
    saved_views.save(
        page="portal:notices", query="", name=name, is_shared=False, by=cast["sora.administrator"], now=NOW
    )


def a_sign_in(cast):
    client_of(cast["sora.administrator"])


def somebody(cast):
    person(cast.sora, f"sora.clerk{User.objects.count()}", roles=["relay"])


def own_certificates(cast):
    """A certificate, and a request that waits."""
    terminal = f"机{Certificate.objects.count()}"
    certificate_tools.issued(cast["sora.administrator"], terminal=terminal)
    certificate_tools.asked(cast["sora.relay"], terminal=terminal)


def one_more_webhook(cast):
    url = f"http://127.0.0.1:9999/{Webhook.objects.count()}"
    webhooks.register(url=url, topics=["relays"], by=cast["sora.administrator"], now=NOW)


def one_more_document(cast, audience="public"):
    title = f"業務規程{Document.objects.count()}"
    return desk.enter(cast, audience, title=title, title_en=title)


def one_more_request(cast):
    documents.ask(one_more_document(cast, "on_application"), purpose="研究", by=cast["sora.relay"], now=NOW)


def a_try(cast):
    """Something was sent to sora's only receiver."""
    webhooks.test(Webhook.objects.get().pk, by=cast["sora.administrator"], now=NOW)


def an_entry(cast):
    ledger.record("made for a test", "sora", by=cast["sora.viewer"], now=NOW)


def an_own_ticket(cast):
    desk.question(cast, "sora.administrator")


ROWS = {
    "portal:home": Row("inside"),
    "portal:accessibility": Row("public"),
    "portal:api-docs": Row("public"),
    "portal:api-errors": Row("public"),
    "portal:api-clients": Row("ability", owner="sora.administrator", one_more=an_api_client),
    "portal:api-clients-of-all": Row("ability", owner="hub.operator", one_more=an_api_client),
    "portal:api-client-new": Row("ability", owner="sora.administrator"),
    "portal:api-client": Row("ability", owner="sora.administrator", kwargs=an_api_client),
    "portal:api-client-roles": Row("ability", owner="sora.administrator", kwargs=an_api_client),
    "portal:api-client-rotation": Row("ability", owner="sora.administrator", kwargs=an_api_client),
    "portal:api-client-revocation": Row("ability", owner="hub.operator", kwargs=an_api_client),
    "portal:sign-in": Row("public"),
    "portal:code": Row("half"),
    "portal:second-factor": Row("half"),
    "portal:qr": Row("half"),
    "portal:sign-out": Row("half", method="post"),
    "portal:language": Row("public", method="post", data={"language": "ja"}),
    "portal:participants": Row("inside", one_more=one_more_company),
    "portal:notices": Row("inside", one_more=a_notice),
    "portal:me": Row("inside"),
    "portal:list-views": Row("inside", one_more=an_own_view),
    "portal:list-view-new": Row("ability", method="post", data={"path": "/notices/", "name": "毎朝"}),
    "portal:list-view": Row("ability", owner="sora.viewer", kwargs=a_view),
    "portal:list-view-replacement": Row(
        "ability", owner="sora.viewer", kwargs=a_view, method="post", data={"path": "/notices/?area=03"}
    ),
    "portal:password": Row("inside"),
    "portal:proof": Row("inside"),
    "portal:sign-in-help": Row("public"),
    "portal:invitation": Row("public", kwargs=an_invitation, shared=True),
    "portal:sign-ins": Row("inside", one_more=a_sign_in),
    "portal:passkeys": Row("inside"),
    "portal:passkey-registration-begin": Row("half", method="post"),
    "portal:passkey-registration-complete": Row("half", method="post"),
    "portal:passkey-begin": Row("public", method="post"),
    "portal:passkey-complete": Row("public", method="post"),
    "portal:recovery-codes": Row("inside"),
    "portal:invitation-new": Row("ability", owner="sora.administrator"),
    "portal:person": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:person-change": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:person-roles": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:second-factor-reset": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:password-link": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:departure": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:people": Row("ability", owner="sora.administrator", one_more=somebody),
    "portal:suspension": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:thaw": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:announcements": Row("inside", one_more=desk.announce),
    "portal:announcement": Row("ability", owner="kaze.usage", kwargs=desk.an_announcement),
    "portal:announcement-new": Row("ability", owner="hub.operator"),
    "portal:announcement-withdrawal": Row("ability", owner="hub.operator", kwargs=desk.an_announcement),
    "portal:documents": Row("public", one_more=one_more_document),
    "portal:document": Row("public", kwargs=desk.a_document, shared=True),
    "portal:document-file": Row("public", kwargs=desk.a_file, shared=True),
    "portal:document-new": Row("ability", owner="hub.operator"),
    "portal:document-version": Row("ability", owner="hub.operator", kwargs=desk.a_document),
    "portal:document-withdrawal": Row("ability", owner="hub.operator", kwargs=desk.a_document),
    "portal:document-requests": Row("ability", owner="hub.operator", one_more=one_more_request),
    "portal:document-request": Row("ability", owner="hub.operator", kwargs=desk.a_request),
    "portal:tickets": Row("inside", one_more=an_own_ticket),
    "portal:ticket-new": Row("inside"),
    "portal:ticket": Row("ability", owner="sora.viewer", kwargs=desk.a_ticket),
    "portal:ticket-closing": Row("ability", owner="sora.viewer", kwargs=desk.a_ticket),
    "portal:ticket-file": Row("ability", owner="sora.viewer", kwargs=desk.a_ticket_file),
    "portal:evidence": Row("ability", owner="hub.auditor"),
    "portal:public-key": Row("public"),
    "portal:use-application-start": Row("public"),
    "portal:use-application-sent": Row("public"),
    "portal:use-application-sample": Row("public"),
    "portal:use-application-statement": Row(
        "public", kwargs=lambda cast: {"edition": onboarding.STATEMENT_EDITION}, shared=True
    ),
    "portal:use-application-begin": Row("public", kwargs=a_link, shared=True),
    "portal:use-application": Row("public", kwargs=a_use_application, shared=True),
    "portal:use-application-company": Row("public", kwargs=a_use_application, shared=True),
    "portal:use-application-wanted": Row("public", kwargs=a_use_application, shared=True),
    "portal:use-application-administrators": Row("public", kwargs=a_use_application, shared=True),
    "portal:use-application-users": Row("public", kwargs=a_use_application, shared=True),
    "portal:use-application-certificates": Row("public", kwargs=a_use_application, shared=True),
    "portal:use-application-filing": Row("public", kwargs=a_use_application, shared=True),
    "portal:use-application-withdrawal": Row("public", kwargs=a_use_application, shared=True),
    "portal:certificates": Row("inside", one_more=own_certificates),
    "portal:certificate-new": Row("inside"),
    "portal:certificate-registration": Row("ability", owner="sora.administrator"),
    "portal:certificate-policy": Row("ability", owner="sora.administrator"),
    "portal:certificate-check": Row("public"),
    "portal:certificate-authority": Row("public"),
    "portal:certificates-revoked": Row("public"),
    "portal:certificate-request": Row("ability", owner="sora.administrator", kwargs=a_certificate_request),
    "portal:certificate-decision": Row(
        "ability",
        owner="sora.administrator",
        kwargs=a_certificate_request,
        method="post",
        data={"deed": "approve"},
    ),
    "portal:certificate-collection": Row(
        "ability", owner="sora.administrator", kwargs=an_approved_request, method="post"
    ),
    "portal:certificate": Row("ability", owner="sora.administrator", kwargs=a_certificate),
    "portal:certificate-download": Row("ability", owner="sora.administrator", kwargs=a_certificate),
    "portal:certificate-bundle": Row("ability", owner="sora.administrator", kwargs=a_bundle, method="post"),
    "portal:certificate-revocation": Row("ability", owner="sora.administrator", kwargs=a_certificate),
    "portal:events": Row("inside", one_more=a_notice),
    "portal:events-acknowledgement": Row("ability", owner="sora.viewer", method="post", data={"number": 0}),
    "portal:event-statements": Row("inside", one_more=a_statement),
    "portal:delivery": Row("inside"),
    "portal:webhooks": Row("ability", owner="sora.administrator", one_more=one_more_webhook),
    "portal:webhook-new": Row("ability", owner="sora.administrator"),
    "portal:webhook": Row("ability", owner="sora.administrator", kwargs=a_webhook, one_more=a_try),
    "portal:webhook-topics": Row(
        "ability", owner="sora.administrator", kwargs=a_webhook, method="post", data={"topics-topics": ["usage"]}
    ),
    "portal:webhook-again": Row(
        "ability",
        owner="sora.administrator",
        kwargs=a_webhook,
        method="post",
        data={"again-first": 1, "again-last": 1},
    ),
    "portal:webhook-test": Row("ability", owner="sora.administrator", kwargs=a_webhook, method="post"),
    "portal:webhook-pause": Row("ability", owner="sora.administrator", kwargs=a_webhook, method="post"),
    "portal:webhook-resume": Row("ability", owner="sora.administrator", kwargs=a_paused_webhook, method="post"),
    "portal:webhook-secret": Row("ability", owner="sora.administrator", kwargs=a_webhook),
    "portal:webhook-removal": Row("ability", owner="sora.administrator", kwargs=a_webhook),
    "portal:livez": Row("public"),
    "portal:readyz": Row("public"),
    "portal:metrics": Row("token"),
    "portal:healthz": Row("public"),
    "portal:ledger": Row("ability", owner="hub.auditor", one_more=an_entry),
}
