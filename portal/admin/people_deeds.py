"""What the workbench adds to accounts: many at once from a file, and the second factor again before one is opened."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal import people_files, sessions
from portal.access import Role, person
from portal.forms_people import PeopleFileForm

SALT = "portal.admin_people"


class PeopleDeeds(ModelAdmin):
    """Mixed into the workbench's page of users."""

    change_list_template = "admin/portal/user/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        load = self.admin_site.admin_view(self.load)
        load.model_admin = self  # type: ignore[attr-defined]  # what marks a page of the workbench
        return [path("load/", load, name="portal_user_load"), *super().get_urls()]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Passwords, e-mails and roles are changed here: the second factor first, when it was shown long ago."""
        if self.has_change_permission(request) and not sessions.is_fresh(request, now=timezone.now()):
            return sessions.to_proof(request)
        return super().changeform_view(request, *args, **kwargs)

    def has_thaw_permission(self, request: HttpRequest) -> bool:
        """The operator; the helpdesk too, as far as `people.thaw` lets it."""
        return bool({Role.OPERATOR, Role.HELPDESK} & person(request).roles)

    def load(self, request: HttpRequest) -> HttpResponse:
        """A CSV of people: read, shown with what is wrong in each line, loaded by a second press."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if not sessions.is_fresh(request, now=timezone.now()):
            return sessions.to_proof(request)
        form = PeopleFileForm()
        lines: list[people_files.Line] = []
        content = ""
        if request.method == "POST":
            form = PeopleFileForm(request.POST, request.FILES)
            try:
                if "content" in request.POST:
                    return self._loaded(request)
                if form.is_valid():
                    text = form.cleaned_data["file"].read(people_files.MOST_BYTES + 1)
                    lines = people_files.read(text)
                    content = signing.dumps(text.hex(), salt=SALT, compress=True)
                    people_files.tried(lines, by=person(request), now=timezone.now())
            except people_files.Refused as refused:
                form.add_error("file", str(refused))
            except signing.BadSignature:
                form.add_error("file", _("The preview has expired; please choose the file again."))
        faults = sum(bool(line.fault) for line in lines)
        return render(
            request,
            "admin/portal/user/load.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Load people from a file"),
                "opts": self.opts,
                "form": form,
                "lines": lines,
                "faults": faults,
                "content": content if lines and not faults else "",
            },
            status=422 if form.errors else 200,
        )

    def _loaded(self, request: HttpRequest) -> HttpResponse:
        text = bytes.fromhex(signing.loads(request.POST["content"], salt=SALT, max_age=3600))
        count = people_files.load(people_files.read(text), by=person(request), now=timezone.now())
        messages.success(
            request, ngettext("%(count)s person is invited.", "%(count)s people are invited.", count) % {"count": count}
        )
        return redirect(reverse("admin:portal_user_changelist"))
