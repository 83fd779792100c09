"""What a browser is told about every answer, beside the content security policy and Django's own headers."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

# Nothing here films, listens, locates or pays; passkeys alone are asked for, by the site's own pages.
REFUSED = (
    *("accelerometer", "autoplay", "bluetooth", "camera", "display-capture", "encrypted-media", "fullscreen"),
    *("geolocation", "gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "picture-in-picture"),
    *("screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
)
POLICY = ", ".join(
    [
        *(f"{feature}=()" for feature in REFUSED),
        "publickey-credentials-get=(self)",
        "publickey-credentials-create=(self)",
    ]
)


class BrowserFeatures:
    """Says on every answer which features of the browser the site uses, and that no other site may embed it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response["Permissions-Policy"] = POLICY
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        return response
