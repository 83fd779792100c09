"""Tables of the workbench that are only read, and forms and rows whose deed is a verb."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import ngettext

from portal import certificates, companies, four_eyes, onboarding, people
from portal.access import person

REFUSALS = (certificates.Refused, companies.Refused, people.Refused, four_eyes.Refused, onboarding.Refused)


def refusal_of(deed: Callable[[], Any]) -> str:
    """What the verb would refuse, as a sentence, "" when it would not: it is tried and taken back."""
    try:
        with transaction.atomic():
            deed()
            transaction.set_rollback(True)
    except REFUSALS as refused:
        return str(refused)
    return ""


class ReadOnly(admin.ModelAdmin):
    """A table that only verbs write."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class VerbForm(forms.ModelForm):
    """Uniqueness and constraints are the verb's to refuse, in its own sentences."""

    def _get_validation_exclusions(self) -> set[str]:
        return {field.name for field in self._meta.model._meta.fields}


class ByVerbs(admin.ModelAdmin):
    """A form whose deed is a verb: tried while the form is checked, done when it is saved."""

    form = VerbForm

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        base = super().get_form(request, obj, change=change, **kwargs)
        deed = self.deed

        class Tried(base):  # type: ignore[valid-type,misc]
            def _post_clean(self) -> None:
                super()._post_clean()
                if not self.errors and (refusal := refusal_of(lambda: deed(request, self, obj))):
                    self.add_error(None, refusal)

        return Tried

    def save_model(self, request: HttpRequest, obj: Model, form: forms.ModelForm, change: bool) -> None:
        obj.pk = self.deed(request, form, obj if change else None).pk

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> Model:
        """Call the verb with the form's values and return the row it made or changed."""
        raise NotImplementedError

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.carry_out()

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> list[Any]:
        """What hangs on a row is entered after the row stands."""
        return list(self.inlines) if obj else []

    def response_add(self, request: HttpRequest, obj: Model, post_url_continue: str | None = None) -> HttpResponse:
        if self.inlines and "_addanother" not in request.POST:
            entries = request.POST.copy()
            entries["_continue"] = "1"
            request.POST = entries  # type: ignore[assignment]
        return super().response_add(request, obj, post_url_continue)


class SetOrTakenBack(ByVerbs):
    """A row is entered or taken back, never turned into another one."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.delete_{self.opts.model_name}")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


class TriedFormSet(forms.BaseInlineFormSet):
    """Rows that hang on another: taken together, tried while they are checked, carried out when they are saved."""

    request: HttpRequest
    new_objects: list[Model]
    changed_objects: list[Any]
    deleted_objects: list[Model]

    def clean(self) -> None:
        super().clean()
        if not any(self.errors) and (refusal := refusal_of(self.carry_out)):
            raise forms.ValidationError(refusal)

    def wanted(self) -> list[dict[str, Any]]:
        return [
            form.cleaned_data
            for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE") and (form.instance.pk or form.has_changed())
        ]

    def carry_out(self) -> None:
        self.new_objects, self.changed_objects, self.deleted_objects = [], [], []
        self.do()

    def do(self) -> None:
        raise NotImplementedError


class Hanging(admin.TabularInline):
    extra = 0
    form = VerbForm

    def get_formset(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        return type("Bound" + formset.__name__, (formset,), {"request": request})


def each(request: HttpRequest, queryset: QuerySet[Any], deed: Callable[..., object], **more: Any) -> None:
    """Do the deed for each row, `by` who asks and `now`; what is refused is told with its row, the rest is done."""
    done = 0
    for row in queryset:
        try:
            deed(row, by=person(request), now=timezone.now(), **more)
        except REFUSALS as refused:
            messages.error(request, f"{row}: {refused}")
        else:
            done += 1
    if done:
        messages.success(
            request, ngettext("Done for %(count)s row.", "Done for %(count)s rows.", done) % {"count": done}
        )
