"""Sign-ins: known one by one, ended from elsewhere, timed out, proven again."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal import people, sessions
from portal.models import LedgerEntry, SignIn, User
from tests.cast import NOW, PASSWORD, client_of
from tests.portal.test_sign_in import CODE, SIGN_IN, code_now, give_password

SIGN_INS, PROOF = reverse("portal:sign-ins"), reverse("portal:proof")


pytestmark = pytest.mark.usefixtures("clock")


def signed_in(user, browser="Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"):
    client = Client(HTTP_USER_AGENT=browser, REMOTE_ADDR="192.0.2.7")
    give_password(client, user)
    assert client.post(CODE, {"code": code_now(user)}).status_code == 302
    return client


def test_a_sign_in_is_entered_and_shown_to_its_owner(sora_relay, cast):
    client = signed_in(sora_relay)
    row = SignIn.objects.get()
    assert (row.user, row.session_key) == (sora_relay, client.session.session_key)
    page = client.get(SIGN_INS).content.decode()
    assert "Firefox, Windows" in page and "192.0.2.7" in page and "他ではログインしていません" in page
    assert "192.0.2.7" not in client_of(cast["sora.viewer"]).get(SIGN_INS).content.decode()


def test_signing_out_elsewhere_ends_the_others_and_not_this_one(sora_relay, clock):
    first = signed_in(sora_relay)
    clock.shift(timedelta(seconds=60))
    second, third = signed_in(sora_relay), client_of(sora_relay)
    assert "3個のブラウザ" in second.get(reverse("portal:me")).content.decode()
    row = SignIn.objects.get(session_key=first.session.session_key)
    assert "1件のログインを終了" in second.post(SIGN_INS, {"end": row.pk}, follow=True).content.decode()
    assert first.get("/").url == SIGN_IN and third.get("/").status_code == 200
    second.post(SIGN_INS, {"end": "others"})
    assert third.get("/").url == SIGN_IN and second.get("/").status_code == 200
    assert LedgerEntry.objects.filter(action="signed out elsewhere", user=sora_relay).count() == 2


@pytest.mark.parametrize("end", ["", "x", "999999", "-1"])
def test_nothing_else_can_be_ended(sora_relay, cast, end):
    stranger = client_of(cast["umi.relay"])
    client = client_of(sora_relay)
    assert client.post(SIGN_INS, {"end": end}).status_code == 404
    theirs = SignIn.objects.get(user=cast["umi.relay"]).pk
    assert client.post(SIGN_INS, {"end": theirs}).status_code == 404
    assert stranger.get("/").status_code == 200


def test_an_idle_session_ends(sora_relay, clock, settings):
    client = client_of(sora_relay)
    clock.shift(timedelta(minutes=settings.SESSION_IDLE_MINUTES - 1))
    assert client.get("/").status_code == 200
    clock.shift(timedelta(minutes=settings.SESSION_IDLE_MINUTES - 1))
    assert client.get("/").status_code == 200, "the visit before counts"
    clock.shift(timedelta(minutes=settings.SESSION_IDLE_MINUTES, seconds=1))
    answer = client.get("/", follow=True)
    assert answer.redirect_chain[-1][0] == SIGN_IN and "操作がなかったため" in answer.content.decode()
    assert not SignIn.objects.exists()


def test_a_busy_session_ends_too(sora_relay, clock, settings):
    client, stop = client_of(sora_relay), NOW + timedelta(hours=settings.SESSION_LONGEST_HOURS)
    while timezone.now() < stop:
        assert client.get("/").status_code == 200
        clock.shift(timedelta(minutes=30))
    clock.shift(timedelta(seconds=1))
    assert client.get("/").url == SIGN_IN


def test_a_verified_session_without_hours_is_over(sora_relay):
    client = client_of(sora_relay)
    session = client.session
    del session[sessions.BEGAN]
    session.save()
    assert client.get("/").url == SIGN_IN


def test_being_seen_is_written_once_a_minute(sora_relay, clock):
    client = client_of(sora_relay)
    clock.shift(timedelta(seconds=59))
    client.get("/")
    assert SignIn.objects.get().seen_at == NOW
    clock.shift(timedelta(seconds=1))
    client.get("/")
    assert SignIn.objects.get().seen_at == timezone.now()


def test_what_is_over_is_swept(sora_relay, cast, clock):
    client_of(sora_relay)
    clock.shift(timedelta(hours=2))
    client = client_of(cast["sora.viewer"])
    assert sessions.sweep(now=timezone.now()) == 1
    assert SignIn.objects.get().user == cast["sora.viewer"] and client.get("/").status_code == 200


@pytest.mark.parametrize("deed", [people.suspend, people.leave, people.send_password_link])
def test_deeds_that_shut_out_end_every_sign_in_at_once(sora_relay, hub_operator, deed):
    client = client_of(sora_relay)
    deed(sora_relay, by=hub_operator, now=NOW)
    assert not SignIn.objects.filter(user=sora_relay).exists()
    assert not Session.objects.filter(session_key=client.session.session_key).exists()
    assert client.get("/").url == SIGN_IN


def test_a_new_password_ends_the_others_and_keeps_this_one_listed(sora_relay):
    client, other = client_of(sora_relay), client_of(sora_relay)
    client.post(reverse("portal:password"), {"current": PASSWORD, "new": "another-long-password-7"})
    assert other.get("/").url == SIGN_IN
    assert [row.session_key for row in sessions.own(sora_relay, now=NOW)] == [client.session.session_key]


def test_signing_out_takes_the_row_out(sora_relay):
    client = client_of(sora_relay)
    client.post(reverse("portal:sign-out"))
    assert not SignIn.objects.exists()


def test_a_dangerous_act_wants_the_second_factor_again(cast, clock):
    cast["sora.viewer"]
    page = reverse("portal:departure", args=["sora.viewer"])
    client = client_of(cast["sora.administrator"])
    assert client.get(page).status_code == 200
    clock.shift(timedelta(minutes=5, seconds=1))
    answer = client.get(page)
    assert answer.url == f"{PROOF}?next=%2Fpeople%2Fsora.viewer%2Fdeparture%2F"
    assert client.post(page).status_code == 302 and User.objects.get(username="sora.viewer").is_active
    assert client.post(PROOF, {"code": "000000", "next": page}).status_code == 422
    clock.shift(timedelta(seconds=30))
    answer = client.post(PROOF, {"code": code_now(cast["sora.administrator"]), "next": page})
    assert answer.url == page and client.get(page).status_code == 200


def test_the_workbench_wants_it_again_before_accounts_are_changed(cast, clock):
    user, client = cast["sora.relay"], client_of(cast["hub.operator"])
    page = f"/workbench/portal/user/{user.pk}/change/"
    assert client.get(page).status_code == 200
    clock.shift(timedelta(minutes=6))
    assert client.get(page).url.startswith(PROOF)
    data = {"action": "reset_second_factor", "_selected_action": [user.pk]}
    assert client.post("/workbench/portal/user/", data).url.startswith(PROOF)
    assert user.totpdevice_set.exists()
    assert client.get("/workbench/portal/user/").status_code == 200


def test_the_database_keeps_one_row_per_session(sora_relay):
    client_of(sora_relay)
    row = SignIn.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        SignIn.objects.create(user=sora_relay, session_key=row.session_key, began_at=NOW, seen_at=NOW)
