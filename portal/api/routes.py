"""The ground floor's endpoints."""

from django.urls import path

from portal.api import catalogue, meta, token

__all__ = ["catalogue", "routes"]
routes = [
    path("openapi.json", meta.OpenApi.as_view(), name="openapi"),
    path("errors", meta.Errors.as_view(), name="errors"),
    path("versions", meta.Versions.as_view(), name="versions"),
    path("token", token.Token.as_view(), name="token"),
    path("me", meta.Caller.as_view(), name="me"),
]
