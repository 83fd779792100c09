"""The ground floor's rows of the access sweep."""

from tests.access_rows import Row


def an_account(cast):
    return {"username": cast["sora.viewer"].username}


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
    "portal:people": Row("ability", owner="sora.administrator"),
    "portal:suspension": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:thaw": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:evidence": Row("ability", owner="hub.auditor"),
    "portal:public-key": Row("public"),
    "portal:healthz": Row("public"),
}
