"""Every operation of the OpenAPI document, called with what the document allows and with what it does not.

A real client calls through the WSGI application with its certificate and the token bound to it, at addresses of real
cases. Whatever comes: never an error of the hub, and an answer as the document has it. The same calls in every run.
"""

import json
import re
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
import time_machine
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import timezone
from drf_spectacular.drainage import GENERATOR_STATS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.api import urlpatterns as routes
from portal import api_clients
from portal.api import meta
from portal.api.endpoint import ANYBODY
from portal.models import ApiClient
from tests import calling
from tests.cast import NOW, ROLES, Cast
from tests.portal import certificate_tools
from tests.test_api_access import NEEDS, ROWS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
TRIES = 6  # of each operation, with what is allowed and as many with what is not
SECRET = "s" * 32
pytestmark = pytest.mark.slow
ROLES_OF_PROGRAMS = {
    company: [role for role in roles if role in api_clients.ROLES]
    for company, roles in ROLES.items()
    if company != "hub"
}


def read() -> tuple[Any, list[str]]:
    """The document as a client gets it, and what its making complained about."""
    GENERATOR_STATS.reset()
    document = JSONRenderer().render(meta.document())
    return json.loads(document), [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]


DOCUMENT, COMPLAINTS = read()
schema = schemathesis.openapi.from_dict(DOCUMENT)
schema.app = get_wsgi_application()
OPERATIONS = {found.label: found for found in (result.ok() for result in schema.get_all_operations())}
_PLACE = re.compile(r"[<{][^>}]*[>}]")
NAMES = {_PLACE.sub("{}", f"/api/v1/{route.pattern}"): f"api:{route.name}" for route in routes}


def name_of(operation: Any) -> str:
    """The URL name of an operation's address."""
    return NAMES[_PLACE.sub("{}", operation.path)]


@pytest.fixture(autouse=True)
def _site(settings, tmp_path_factory):
    settings.AUTHORITY_DIR = tmp_path_factory.getbasetemp() / "authority-of-schemathesis"
    settings.API_CERTIFICATE_REQUIRED = True
    settings.CERTIFICATE_SOURCE, settings.CERTIFICATE_SECRET = "secret", SECRET
    settings.API_TOKENS_PER_MINUTE = 1_000_000
    settings.API_READS_PER_MINUTE = settings.API_WRITES_PER_MINUTE = 1_000_000
    settings.ALLOWED_HOSTS = ["*"]
    for signal in (request_started, request_finished):  # as Django's own test client: the test's transaction stays
        signal.disconnect(close_old_connections)
    with time_machine.travel(NOW, tick=False):
        yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def headers_of(cast: Cast, company: str) -> dict[str, str]:
    """What nginx and the client send: the certificate of the connection and the token bound to it."""
    client = calling.caller(cast, company, *ROLES_OF_PROGRAMS[company]).client
    certificate = certificate_tools.issued(cast[f"{company}.administrator"], purpose="api")
    client = ApiClient.objects.select_related("user__company").get(pk=client.pk)
    token = api_clients.give_token(
        client, certificate_sha256=certificate.sha256, scopes=client.user.roles, now=timezone.now()
    )
    return {
        "Authorization": f"Bearer {token}",
        "X-Client-Certificate": quote(certificate.pem),
        "X-Client-Verify": "SUCCESS",
        "X-Proxy-Secret": SECRET,
    }


def test_the_document_is_made_without_a_complaint() -> None:
    assert not COMPLAINTS


CASES = [
    pytest.param(label, mode, id=f"{mode.value} {label}")
    for label, operation in OPERATIONS.items()
    for mode in GenerationMode
    # Where nothing is taken, nothing can be wrong.
    if mode == GenerationMode.POSITIVE or any(operation.iter_parameters()) or operation.body
]


@pytest.mark.parametrize(("label", "mode"), CASES)
def test_whatever_comes_the_answer_is_as_the_document_has_it(cast, label, mode) -> None:
    operation = OPERATIONS[label]
    name, method = name_of(operation), operation.method.lower()
    row = ROWS[name]
    owner = row.owners.get(method, "sora.viewer")
    real = {key: str(value) for key, value in (row.kwargs(cast) if row.kwargs else {}).items()}
    sent = headers_of(cast, owner.partition(".")[0]) if NEEDS[name][method] != ANYBODY else {}
    keys = count(1)

    @settings(
        max_examples=TRIES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_real=st.sampled_from([True, True, True, False]))
    def answers(case: Any, is_real: bool) -> None:
        if real and is_real:
            [*values] = real.values()
            case.path_parameters = dict(zip(case.path_parameters, values, strict=True))
        more = dict(sent)
        if mode == GenerationMode.POSITIVE and method != "get":
            more |= {"Idempotency-Key": f"k{next(keys)}", "If-Match": "*"}
        response = case.call(headers=more)
        case.validate_response(response, checks=CHECKS)

    answers()
