"""What the certificate pages ask for."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.certificate_files import MOST_BYTES, Refused, TooLarge
from portal.models import CertificatePurpose, CertificateRequest

Way = CertificateRequest.Way


class Upload(forms.FileField):
    """A small file, read whole; a larger one is refused without being read. Cleans to bytes."""

    def clean(self, data: Any, initial: Any = None) -> bytes:
        if data is not None and getattr(data, "size", 0) > MOST_BYTES:
            raise forms.ValidationError(str(TooLarge()))
        file = super().clean(data, initial)
        return file.read() if file else b""


class _Terminal(forms.Form):
    purpose = forms.ChoiceField(label=_("Used for"), choices=CertificatePurpose.choices)
    terminal = forms.CharField(
        label=_("Terminal"),
        max_length=40,
        help_text=_("The computer or program that will use it, for example “Desk 12” or “billing system”."),
    )


class CertificateRequestForm(_Terminal):
    way = forms.ChoiceField(
        label=_("Way"),
        choices=Way.choices,
        initial=Way.CSR,
        widget=forms.RadioSelect,
        help_text=_("With a request of your own the private key never leaves your terminal; please prefer it."),
    )
    csr_file = Upload(
        label=_("Request file (CSR)"),
        required=False,
        allow_empty_file=True,
        help_text=_("PKCS#10 as PEM or DER; the command below makes one."),
    )
    csr_text = forms.CharField(
        label=_("or the request as text"),
        required=False,
        max_length=MOST_BYTES,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
        error_messages={"max_length": str(TooLarge.sentence)},
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        values["csr"] = values.get("csr_file") or (values.get("csr_text") or "").encode()
        wants_file = values.get("way") == Way.CSR and not {"csr_file", "csr_text"} & set(self.errors)
        if wants_file and not values["csr"]:
            self.add_error("csr_file", _("Please choose the request's file or paste its text."))
        return values


class RegistrationForm(_Terminal):
    certificate = Upload(
        label=_("Certificate file"),
        allow_empty_file=True,
        help_text=_("X.509 as PEM or DER, without the private key."),
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=200, error_messages={"required": _("Please give a reason.")})


def refuse(form: forms.Form, refused: Refused, field: str | None = None) -> None:
    """Show the refusal beside the field, or above the form."""
    form.add_error(field, str(refused))
