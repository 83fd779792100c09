"""What is typed in to ask for the stop of an application, and to answer that."""

from django import forms
from django.utils.translation import gettext_lazy as _

from switching.forms import LineField


class StopForm(forms.Form):
    """Why an application is to be stopped."""

    text = LineField(
        label=_("Reason"),
        max_length=200,
        help_text=_("The network operator reads it. No data of the customer, please."),
        error_messages={"required": _("Please say why in a sentence.")},
    )


class StopAnswerForm(forms.Form):
    """Stopped or not, and where not why."""

    answer = forms.ChoiceField(
        label=_("Answer"),
        choices=[("stop", _("Stop the application")), ("refuse", _("Refuse: it goes on"))],
        widget=forms.RadioSelect,
        error_messages={"required": _("Please choose whether the application is stopped.")},
    )
    text = LineField(
        label=_("In words"),
        max_length=200,
        required=False,
        help_text=_("Needed with a refusal. The retailer reads it; no data of the customer."),
    )
