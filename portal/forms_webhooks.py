"""Forms of webhooks and of the feed."""

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.models import Topic


class WebhookForm(forms.Form):
    """A receiver to be registered; whether the address will do is the verb's to judge."""

    url = forms.CharField(
        label=_("Address (URL)"),
        max_length=400,
        help_text=_("Where your system takes events by POST, such as https://events.example.jp/kirikae."),
        widget=forms.URLInput(attrs={"inputmode": "url", "autocomplete": "off"}),
    )
    topics = forms.MultipleChoiceField(
        label=_("Topics"),
        choices=Topic.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The receiver hears of these alone. The feed itself always holds every event."),
        error_messages={"required": _("Choose at least one topic.")},
    )


class TopicsForm(forms.Form):
    """What a receiver hears of from now on."""

    topics = forms.MultipleChoiceField(
        label=_("Topics"),
        choices=Topic.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one topic.")},
    )


class AgainForm(forms.Form):
    """From which number to which number events are sent again."""

    first = forms.IntegerField(label=_("From number"), min_value=1)
    last = forms.IntegerField(label=_("To number"), min_value=1)


class PositionForm(forms.Form):
    """Up to which number the company's systems hold the feed."""

    number = forms.IntegerField(
        label=_("Up to number"), min_value=0, help_text=_("Everything up to here is in your systems.")
    )
