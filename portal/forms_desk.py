"""Forms of the library, the announcements and the helpdesk."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from portal import attachments
from portal.fields import DayField
from portal.market import Area, MarketRole
from portal.models import Document

ENDINGS = ",".join(attachments.KINDS)
FILE_HELP = _("PDF, Word, Excel, PowerPoint, CSV, text, XML, zip or picture, 10 MB at most.")


class MomentInput(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class FilesInput(forms.FileInput):
    """Lets several files be chosen and hands over all of them."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return files.getlist(name) if hasattr(files, "getlist") else files.get(name)


class OneFileField(forms.FileField):
    """A file whose size and kind are the verb's to judge; the form asks that there is one."""

    def to_python(self, data: Any) -> UploadedFile | None:
        return None if data in self.empty_values else data


class FilesField(forms.FileField):
    """None, one or several files chosen at once; cleans to a list. Size and kind are the verb's to judge."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        given = list(data) if isinstance(data, list | tuple) else [data]
        return [file for file in given if file not in self.empty_values]

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"multiple": True, "accept": ENDINGS}


class VersionForm(forms.Form):
    number = forms.CharField(label=_("Version"), max_length=20, help_text=_("For example 1.2."))
    published_on = DayField(
        label=_("Published on"),
        help_text=_("Before this day only the hub operator sees it."),
    )
    changes = forms.CharField(
        label=_("What changed"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    file = OneFileField(
        label=_("File"),
        help_text=FILE_HELP,
        error_messages={"required": _("Choose a file.")},
        widget=forms.FileInput(attrs={"accept": ENDINGS}),
    )


class DocumentForm(forms.Form):
    title = forms.CharField(label=_("Title"), max_length=120)
    title_en = forms.CharField(label=_("Title in English"), max_length=120, required=False)
    summary = forms.CharField(
        label=_("Summary"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    audience = forms.ChoiceField(
        label=_("Who may read it"), choices=Document.Audience.choices, widget=forms.RadioSelect
    )
    how_to_obtain = forms.CharField(
        label=_("How to obtain it"),
        max_length=1000,
        required=False,
        help_text=_("For documents given out on application: to whom, for what, how long it takes."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    number = VersionForm.base_fields["number"]
    published_on = VersionForm.base_fields["published_on"]
    file = VersionForm.base_fields["file"]


class AskForm(forms.Form):
    purpose = forms.CharField(
        label=_("What your company needs it for"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("Please say what your company needs the document for.")},
    )


class DecisionForm(forms.Form):
    grant = forms.ChoiceField(
        label=_("Decision"),
        choices=[("yes", _("give the document out")), ("no", _("refuse"))],
        widget=forms.RadioSelect,
    )
    answer = forms.CharField(
        label=_("Answer"), max_length=300, required=False, help_text=_("The company reads it; needed for a refusal.")
    )


class AnnouncementForm(forms.Form):
    title = forms.CharField(label=_("Title"), max_length=80)
    body = forms.CharField(label=_("Text"), max_length=5000, widget=forms.Textarea(attrs={"rows": 6}))
    title_en = forms.CharField(label=_("Title in English"), max_length=80, required=False)
    body_en = forms.CharField(
        label=_("Text in English"), max_length=5000, required=False, widget=forms.Textarea(attrs={"rows": 6})
    )
    market_role = forms.ChoiceField(
        label=_("For"), choices=[("", _("all companies")), *MarketRole.choices], required=False
    )
    area = forms.ChoiceField(label=_("Area"), choices=[("", _("all areas")), *Area.choices], required=False)
    shown_from = forms.DateTimeField(label=_("Shown from"), widget=MomentInput())
    shown_until = forms.DateTimeField(
        label=_("Shown until"), required=False, widget=MomentInput(), help_text=_("Empty: until it is withdrawn.")
    )
    by_mail = forms.BooleanField(label=_("Also by mail"), required=False)


class MessageForm(forms.Form):
    body = forms.CharField(
        label=_("Message"),
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("Please name no customer where a case number does."),
        error_messages={"required": _("Please write a message.")},
    )
    files = FilesField(  # type: ignore[assignment]
        label=_("Attachments"), required=False, help_text=_("Five files at most, each of 10 MB at most.")
    )


class TicketForm(MessageForm):
    subject = forms.CharField(
        label=_("What it is about"),
        max_length=120,
        error_messages={"required": _("Please say in a few words what it is about.")},
    )
    field_order = ["subject", "body", "files"]
