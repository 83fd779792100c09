"""Recovery codes; what resetting takes away."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticToken

from portal import people
from portal.models import LedgerEntry, Notice
from tests.cast import NOW, client_of
from tests.portal.test_sign_in import CODE

PAGE = reverse("portal:recovery-codes")


pytestmark = pytest.mark.usefixtures("clock")


def test_ten_codes_are_shown_once_and_kept_as_hashes(sora_relay):
    client = client_of(sora_relay)
    assert "10個のコード" in client.get(PAGE).content.decode()
    answer = client.post(PAGE)
    codes = answer.content.decode().split('id="recovery-codes">')[1].split("</ul>")[0].split("<li>")[1:]
    codes = [code.partition("<")[0] for code in codes]
    assert len(set(codes)) == 10 and all(len(code) == 11 for code in codes)
    assert answer["Cache-Control"].find("no-store") >= 0
    kept = set(StaticToken.objects.values_list("token", flat=True))
    assert len(kept) == 10 and not kept & {code.replace("-", "") for code in codes}
    assert codes[0] not in client.get(PAGE).content.decode()


@pytest.mark.parametrize("typed", ["{}", "{} ", "{lower}", "{bare}"])
def test_a_recovery_code_signs_in_once_however_it_is_typed(sora_relay, typed):
    code = people.make_recovery_codes(sora_relay, by=sora_relay, now=NOW)[3]
    entered = typed.format(code, lower=code.lower(), bare=code.replace("-", ""))
    client = client_of(sora_relay, verified=False)
    assert client.post(CODE, {"code": entered}).url == reverse("portal:home")
    assert client.get("/").status_code == 200
    assert people.recovery_codes_left(sora_relay) == 9
    again = client_of(sora_relay, verified=False).post(CODE, {"code": entered})
    assert again.status_code == 422 and "使用済み" in again.content.decode()
    assert LedgerEntry.objects.get(action="recovery code used").detail == {"left": 9}


def test_wrong_recovery_codes_slow_the_next_try_down(sora_relay, clock):
    code = people.make_recovery_codes(sora_relay, by=sora_relay, now=NOW)[0]
    client = client_of(sora_relay, verified=False)
    client.post(CODE, {"code": "ABCDE-FGHJK"})
    assert "秒待って" in client.post(CODE, {"code": code}).content.decode()
    clock.shift(timedelta(seconds=2))
    assert client.post(CODE, {"code": code}).status_code == 302


def test_a_code_of_somebody_else_does_not_serve(sora_relay, cast):
    code = people.make_recovery_codes(cast["sora.viewer"], by=cast["sora.viewer"], now=NOW)[0]
    people.make_recovery_codes(sora_relay, by=sora_relay, now=NOW)
    assert client_of(sora_relay, verified=False).post(CODE, {"code": code}).status_code == 422


def test_without_recovery_codes_there_is_a_sentence(sora_relay):
    answer = client_of(sora_relay, verified=False).post(CODE, {"code": "ABCDE-FGHJK"})
    assert "リカバリーコードがありません" in answer.content.decode()


def test_new_codes_end_the_old_ones_and_only_the_person_makes_them(sora_relay, cast):
    old = people.make_recovery_codes(sora_relay, by=sora_relay, now=NOW)[0]
    people.make_recovery_codes(sora_relay, by=sora_relay, now=NOW)
    assert client_of(sora_relay, verified=False).post(CODE, {"code": old}).status_code == 422
    for who in ("sora.administrator", "hub.operator"):
        with pytest.raises(people.NotAllowed):
            people.make_recovery_codes(sora_relay, by=cast[who], now=NOW)


def test_making_them_wants_a_fresh_second_factor(sora_relay, clock):
    client = client_of(sora_relay)
    clock.shift(timedelta(minutes=6))
    assert client.post(PAGE).url.startswith(reverse("portal:proof"))
    assert people.recovery_codes_left(sora_relay) == 0


def test_a_reset_takes_recovery_codes_away_and_tells_the_company(sora_relay, sora_administrator):
    people.make_recovery_codes(sora_relay, by=sora_relay, now=NOW)
    people.reset_second_factor(sora_relay, by=sora_administrator, now=NOW)
    assert people.recovery_codes_left(sora_relay) == 0 and not sora_relay.totpdevice_set.exists()
    assert Notice.objects.get(kind="second_factor_reset").subject == "user sora.relay"
