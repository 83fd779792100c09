"""The own company's webhooks: register a receiver, see what came of each delivery, test, pause, resume, send again."""

from collections.abc import Callable

import django_filters
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from portal import events, lists, outward, webhooks
from portal.access import Ability, needs, person
from portal.forms_webhooks import AgainForm, TopicsForm, WebhookForm
from portal.lists import Column
from portal.models import Topic, User, Webhook, WebhookAttempt
from portal.sessions import freshly_proven
from portal.templatetags.words import badge

State = Webhook.State
TONES = {State.ACTIVE: "going", State.PAUSED: "refused"}


def topic_words(topics: list[str]) -> str:
    """Topics by their names."""
    return ", ".join(str(Topic(topic).label) for topic in topics)


COLUMNS = [
    Column(
        "url", gettext_lazy("Address (URL)"), link=lambda hook: reverse("portal:webhook", args=[hook.pk]), sort="url"
    ),
    Column("topics", gettext_lazy("Topics"), value=lambda hook: topic_words(hook.topics)),
    Column(
        "state",
        gettext_lazy("State"),
        value=lambda hook: hook.get_state_display(),
        draw=lambda hook: badge(hook.get_state_display(), TONES[hook.state]),
        sort="state",
    ),
    Column("paused_because", gettext_lazy("Paused because"), value=lambda hook: hook.get_paused_because_display()),
    Column("sent_to", gettext_lazy("Told up to number"), numeric=True, sort="sent_to"),
    Column("failures", gettext_lazy("Failures one after the other"), numeric=True, sort="failures"),
    Column("last_success_at", gettext_lazy("Last success"), sort="last_success_at"),
]


class AttemptFilter(django_filters.FilterSet):
    number = django_filters.NumberFilter(label=gettext_lazy("Event number"))
    failure = django_filters.ChoiceFilter(label=gettext_lazy("Failure"), choices=Webhook.Failure.choices)

    class Meta:
        model = WebhookAttempt
        fields: list[str] = []


ATTEMPTS = [
    Column("at", gettext_lazy("At"), sort="at"),
    Column("number", gettext_lazy("Event number"), value=lambda one: str(one.number), numeric=True, sort="number"),
    Column(
        "outcome",
        gettext_lazy("Outcome"),
        value=lambda one: one.get_failure_display() or _("taken"),
        draw=lambda one: badge(*((one.get_failure_display(), "refused") if one.failure else (_("taken"), "done"))),
    ),
    Column("status", gettext_lazy("Answer"), value=lambda one: str(one.status or ""), numeric=True),
    Column("took_ms", gettext_lazy("Took (ms)"), numeric=True, sort="took_ms"),
    Column("is_again", gettext_lazy("Sent again"), value=lambda one: _("yes") if one.is_again else ""),
    Column("words", gettext_lazy("What was said")),
]


@needs(Ability.MANAGE_WEBHOOKS)
def own(request: HttpRequest) -> HttpResponseBase:
    """The own company's receivers."""
    return lists.show(
        request,
        Webhook.objects.visible_to(person(request)),
        columns=COLUMNS,
        title=_("Webhooks"),
        empty=_("No webhook yet. Register an address and the hub tells it of every event as it happens."),
        template="portal/webhooks.html",
        filename="webhooks",
    )


@needs(Ability.MANAGE_WEBHOOKS)
@freshly_proven
@never_cache
def new(request: HttpRequest) -> HttpResponse:
    """Register a receiver; the answer shows its secret, this once."""
    form = WebhookForm(request.POST) if request.method == "POST" else WebhookForm(initial={"topics": Topic.values})
    if request.method == "POST" and form.is_valid():
        try:
            hook, secret = webhooks.register(**form.cleaned_data, by=person(request), now=timezone.now())
        except (webhooks.Registered, outward.BadAddress) as refused:
            form.add_error("url", str(refused))
        except webhooks.Refused as refused:
            form.add_error(None, str(refused))
        else:
            return _shown(request, hook, secret)
    context = {"title": _("Register a webhook"), "form": form}
    return render(request, "portal/webhook_new.html", context, status=422 if form.is_bound else 200)


def _shown(request: HttpRequest, hook: Webhook, secret: str) -> HttpResponse:
    context = {"title": _("The webhook's secret"), "hook": hook, "secret": secret}
    return render(request, "portal/webhook_secret.html", context)


@needs(Ability.MANAGE_WEBHOOKS)
def webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """One receiver: how it stands, what to do, every delivery of the last days."""
    user = person(request)
    hook = get_object_or_404(Webhook.objects.visible_to(user), pk=pk)
    return _page(request, hook)


def _page(
    request: HttpRequest, hook: Webhook, *, topics: TopicsForm | None = None, again: AgainForm | None = None
) -> HttpResponse:
    stands = events.standing(hook.company)
    return render(
        request,
        "portal/webhook.html",
        {
            "title": hook.url,
            "hook": hook,
            "tone": TONES[State(hook.state)],
            "topics": topic_words(hook.topics),
            "stands": stands,
            "behind": stands.last - hook.sent_to,
            "topics_form": topics or TopicsForm(initial={"topics": hook.topics}, prefix="topics"),
            "again_form": again or AgainForm(initial={"first": stands.oldest, "last": stands.last}, prefix="again"),
            "list": lists.build(
                request,
                hook.tries.all(),
                columns=ATTEMPTS,
                filterset=AttemptFilter,
                empty=_("Nothing was sent yet."),
            ),
        },
        status=422 if topics or again else 200,
    )


@needs(Ability.MANAGE_WEBHOOKS)
@require_POST
def topics(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose anew what the receiver hears of."""
    user = person(request)
    hook = get_object_or_404(Webhook.objects.visible_to(user), pk=pk)
    form = TopicsForm(request.POST, prefix="topics")
    if not form.is_valid():
        return _page(request, hook, topics=form)
    webhooks.choose(hook.pk, topics=form.cleaned_data["topics"], by=user, now=timezone.now())
    messages.success(request, _("From now on the receiver hears of these topics."))
    return redirect("portal:webhook", pk)


@needs(Ability.MANAGE_WEBHOOKS)
@require_POST
def again(request: HttpRequest, pk: int) -> HttpResponse:
    """Have events sent once more, from number to number."""
    user = person(request)
    hook = get_object_or_404(Webhook.objects.visible_to(user), pk=pk)
    form = AgainForm(request.POST, prefix="again")
    if form.is_valid():
        try:
            webhooks.send_again(hook.pk, **form.cleaned_data, by=user, now=timezone.now())
        except webhooks.Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("These events are being sent again, after what is new."))
            return redirect("portal:webhook", pk)
    return _page(request, hook, again=form)


@needs(Ability.MANAGE_WEBHOOKS)
@require_POST
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a test and say what the receiver did."""
    user = person(request)
    hook = get_object_or_404(Webhook.objects.visible_to(user), pk=pk)
    try:
        tried = webhooks.test(hook.pk, by=user, now=timezone.now())
    except webhooks.Refused as refused:
        messages.error(request, str(refused))
    else:
        if tried.failure:
            messages.error(request, _("The test failed: %(why)s.") % {"why": tried.get_failure_display()})
        else:
            messages.success(request, _("The receiver took the test, in %(ms)s ms.") % {"ms": tried.took_ms})
    return redirect("portal:webhook", pk)


def _deed(request: HttpRequest, pk: int, verb: Callable[..., object], words: str) -> HttpResponse:
    user: User = person(request)
    hook = get_object_or_404(Webhook.objects.visible_to(user), pk=pk)
    try:
        verb(hook.pk, by=user, now=timezone.now())
    except webhooks.Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, words)
    return redirect("portal:webhook", pk)


@needs(Ability.MANAGE_WEBHOOKS)
@require_POST
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Send nothing more for now."""
    return _deed(request, pk, webhooks.pause, _("The webhook is paused. What happens meanwhile waits."))


@needs(Ability.MANAGE_WEBHOOKS)
@require_POST
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Go on where it stopped."""
    return _deed(request, pk, webhooks.resume, _("The webhook goes on where it stopped."))


@needs(Ability.MANAGE_WEBHOOKS)
@freshly_proven
@never_cache
def secret(request: HttpRequest, pk: int) -> HttpResponse:
    """A new secret, after a page that asks; the answer shows it, this once."""
    user = person(request)
    hook = get_object_or_404(Webhook.objects.visible_to(user), pk=pk)
    if request.method == "POST":
        return _shown(request, hook, webhooks.change_secret(hook.pk, by=user, now=timezone.now()))
    context = {
        "title": _("Change the secret"),
        "hook": hook,
        "intro": _("The new secret is shown once. For seven days both secrets sign, so that nothing is missed."),
        "facts": [(_("Address (URL)"), hook.url)],
        "action_label": _("Make a new secret"),
        "back_url": reverse("portal:webhook", args=[pk]),
        "back_label": _("Cancel"),
    }
    return render(request, "portal/webhook_deed.html", context)


@needs(Ability.MANAGE_WEBHOOKS)
@freshly_proven
def removal(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the receiver away, after a page that asks."""
    user = person(request)
    hook = get_object_or_404(Webhook.objects.visible_to(user), pk=pk)
    if request.method == "POST":
        webhooks.remove(hook.pk, by=user, now=timezone.now())
        messages.success(request, _("The webhook is removed."))
        return redirect("portal:webhooks")
    context = {
        "title": _("Remove the webhook"),
        "hook": hook,
        "intro": _("Nothing more is sent to this address. Your events stay in the feed."),
        "facts": [(_("Address (URL)"), hook.url)],
        "action_label": _("Remove"),
        "back_url": reverse("portal:webhook", args=[pk]),
        "back_label": _("Cancel"),
    }
    return render(request, "portal/webhook_deed.html", context)
