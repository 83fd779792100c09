"""Makes the hub's own site the default of Django's admin, so that every room registers on it without naming it."""

from django.contrib.admin.apps import AdminConfig


class HubAdminConfig(AdminConfig):
    default_site = "portal.workbench.Workbench"
