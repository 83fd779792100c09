"""The operator's workbench: Django's admin, open to hub staff with a verified second factor and absent to others."""

from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.db.models.base import ModelBase
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext_lazy as _

from portal import sessions
from portal.access import View

# Signing in, second factor and password have pages of their own; the admin's would be a second door.
NOT_OFFERED = frozenset({"password_change", "password_change_done"})
# Libraries register their tables too; the keys of second factors, for one, are nobody's to read.
ROOMS = frozenset({"portal", "metering", "switching", "linkage"})


class Workbench(AdminSite):
    site_header = "Kirikae"
    site_title = "Kirikae"
    index_title = _("Operator's workbench")
    site_url = "/"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """Hub staff, active, with a verified second factor (portal.middleware answers 404 to everybody else)."""
        user = request.user
        return bool(user.is_authenticated and user.is_verified() and user.is_staff)  # type: ignore[attr-defined]

    def admin_view(self, view: View, cacheable: bool = False) -> Any:
        """Whatever is done here can harm every company: a deed wants the second factor shown minutes ago."""
        opened = super().admin_view(view, cacheable)
        return opened if view == self.logout else sessions.deed_freshly_proven(opened)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one sign-in page, and it is not this one."""
        raise Http404

    login.is_public = True  # type: ignore[attr-defined]

    def register(self, model_or_iterable: Any, admin_class: type[ModelAdmin] | None = None, **options: Any) -> None:
        """Take in the rooms' own models only."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else model_or_iterable
        own = [model for model in models if model._meta.app_label in ROOMS]
        super().register(own, admin_class, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [pattern for pattern in super().get_urls() if getattr(pattern, "name", "") not in NOT_OFFERED]
