"""The ground floor's rows of the access sweep."""

from portal import people
from tests.access_rows import Row


def an_account(cast):
    return {"username": cast["sora.viewer"].username}


def an_invitation(cast):
    _, _, uid, token, _ = people.password_link(cast["sora.viewer"]).split("/")
    return {"uid": uid, "token": token}


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
    "portal:proof": Row("inside"),
    "portal:sign-in-help": Row("public"),
    "portal:invitation": Row("public", kwargs=an_invitation, shared=True),
    "portal:sign-ins": Row("inside"),
    "portal:recovery-codes": Row("inside"),
    "portal:invitation-new": Row("ability", owner="sora.administrator"),
    "portal:person": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:person-change": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:person-roles": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:second-factor-reset": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:password-link": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:departure": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:people": Row("ability", owner="sora.administrator"),
    "portal:suspension": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:thaw": Row("ability", owner="sora.administrator", kwargs=an_account),
    "portal:evidence": Row("ability", owner="hub.auditor"),
    "portal:public-key": Row("public"),
    "portal:healthz": Row("public"),
}
