"""What clerks and programs enter about customers never reaches the log, whether it is taken or refused."""

import time_machine

from tests import calling
from tests.cast import NOW, client_of
from tests.logged import as_machines_read_it
from tests.switching.paging import inquire

CUSTOMER = {
    "holder_name": "田中花子様",
    "holder_kana": "ﾀﾅｶ ﾊﾅｺ",
    "holder_address": "大阪府吹田市山手町9-9-9",
    "contract_number": "U-99887766",
}


def test_a_form_about_a_customer_never_reaches_the_log(cast, play):
    with time_machine.travel(NOW, tick=False):
        point = play.point()
        inquiry = inquire(cast, point)
        evidence = play.disclosure(point)
        relay = play.relay(play.point(), **{name: value for name, value in CUSTOMER.items() if "holder" in name})
        clerk, judge = client_of(cast["sora.relay"]), client_of(cast["umi.relay"])
        api = calling.caller(cast, "sora", "relay", "inquiry")
        entered = {**CUSTOMER, "disclosure": evidence.pk, "desired_date": "2026-05-01"}
        with as_machines_read_it() as log:
            clerk.post(f"/relays/new/?inquiry={inquiry.pk}", entered)
            clerk.post(f"/relays/new/?inquiry={inquiry.pk}", {**entered, "desired_date": "someday"})
            clerk.get("/relays/", {"q": CUSTOMER["holder_name"], "number": str(point.number)})
            assert judge.get(f"/relays/{relay.number}/").status_code == 200
            judge.post(f"/relays/{relay.number}/", {"verdict": "no such", "reason_text": CUSTOMER["holder_address"]})
            client_of(cast["yama.relay"]).get(f"/relays/{relay.number}/")
            api.post("/relays", {**CUSTOMER, "point": str(point.number), "desired_date": "2026-05-01"})
            api.call("post", "/relays", '{"holder_name": "田中花子様', content_type="text/plain")
            api.get(f"/points/{point.number}?name={CUSTOMER['holder_name']}")
    assert len(log.of("portal.tracing")) == 9
    for word in (*CUSTOMER.values(), str(point.number), relay.number, cast["sora.relay"].username):
        assert word not in log.text, word
