"""The ground floor's rows of the access sweep."""

from tests.access_rows import Row

ROWS = {
    "portal:home": Row("inside"),
    "portal:sign-in": Row("public"),
    "portal:code": Row("half"),
    "portal:second-factor": Row("half"),
    "portal:qr": Row("half"),
    "portal:sign-out": Row("half", method="post"),
    "portal:language": Row("public", method="post", data={"language": "ja"}),
    "portal:participants": Row("inside"),
    "portal:notices": Row("inside"),
    "portal:me": Row("inside"),
    "portal:password": Row("inside"),
    "portal:healthz": Row("public"),
}
