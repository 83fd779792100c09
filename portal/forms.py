"""What the ground floor's pages ask for."""

import re
import unicodedata

from django import forms
from django.utils.translation import gettext_lazy as _

CODE_GAPS = re.compile(r"[\s-]+")


class SignInForm(forms.Form):
    username = forms.CharField(
        label=_("User id"),
        max_length=40,
        error_messages={"required": _("Please enter your user id.")},
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=200,
        strip=False,
        error_messages={"required": _("Please enter your password.")},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def clean_username(self) -> str:
        return unicodedata.normalize("NFKC", self.cleaned_data["username"]).strip().lower()


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        help_text=_("The six digits your authenticator app shows for Kirikae."),
        error_messages={"required": _("Please enter the six digits your authenticator app shows.")},
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )

    def clean_code(self) -> str:
        """Six ASCII digits, however they were typed: full width, with a gap in the middle."""
        code = CODE_GAPS.sub("", unicodedata.normalize("NFKC", self.cleaned_data["code"]))
        if not (code.isascii() and code.isdigit()):
            raise forms.ValidationError(_("A code consists of digits only."))
        if len(code) != 6:
            raise forms.ValidationError(_("A code has six digits; this has %(count)s."), params={"count": len(code)})
        return code


class PasswordForm(forms.Form):
    current = forms.CharField(
        label=_("Password now"),
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=200,
        help_text=_("At least 12 characters, not one of the common ones and not like your name."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
