"""What a monitoring system collects, for whoever knows the token."""

import ipaddress

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.exposition import choose_encoder

from portal import private_market, request_metrics
from portal.access import public


@public
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus. Absent without a token set, outside of the networks named, and in private markets."""
    if private_market.name() or not settings.METRICS_TOKEN or not _is_near(request.META.get("REMOTE_ADDR", "")):
        raise Http404
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token.strip(), settings.METRICS_TOKEN):
        return HttpResponse(
            "This address wants its token: Authorization: Bearer …\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": 'Bearer realm="kirikae metrics"'},
        )
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(request_metrics.registry(now=timezone.now())), content_type=content_type)


def _is_near(address: str) -> bool:
    """Whether the connection comes from where figures may be collected; by a Unix socket it comes from the proxy."""
    networks = [ipaddress.ip_network(text) for text in settings.METRICS_NETWORKS]
    if not networks:
        return True
    try:
        return any(ipaddress.ip_address(address) in network for network in networks)
    except ValueError:
        return False
