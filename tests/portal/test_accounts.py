"""The administrator's page: the own company's accounts, suspended and let in again."""

from django.test import Client

from portal import people
from portal.models import LedgerEntry
from tests.cast import client_of


def test_an_administrator_sees_the_own_companys_accounts_and_their_state(cast):
    cast["sora.relay"], cast["umi.relay"]
    client = client_of(cast["sora.administrator"])
    page = client.get("/people/").content.decode()
    assert "sora.relay" in page and "umi.relay" not in page and "/people/sora.relay/suspension/" in page


def test_suspending_and_thawing_by_the_administrator(cast):
    user, client = cast["sora.relay"], client_of(cast["sora.administrator"])
    assert "ただちにログアウト" in client.get("/people/sora.relay/suspension/").content.decode()
    user.refresh_from_db()
    assert user.is_active, "the page alone does nothing"
    assert "ログインできなくなりました" in client.post("/people/sora.relay/suspension/", follow=True).content.decode()
    assert "/people/sora.relay/thaw/" in client.get("/people/").content.decode()
    assert "再びログインできます" in client.post("/people/sora.relay/thaw/", follow=True).content.decode()
    user.refresh_from_db()
    assert user.is_active
    assert LedgerEntry.objects.filter(user=cast["sora.administrator"], subject="user sora.relay").count() == 2


def test_a_frozen_account_is_shown_and_thawed(cast):
    user, client = cast["sora.relay"], client_of(cast["sora.administrator"])
    for _ in range(5):
        Client().post("/sign-in/", {"username": "sora.relay", "password": "wrong"})
    assert people.frozen_usernames(cast.sora) == {"sora.relay"}
    assert "凍結" in client.get("/people/").content.decode()
    client.post("/people/sora.relay/thaw/")
    assert not people.is_frozen(user) and not people.frozen_usernames(cast.sora)


def test_the_last_administrator_cannot_suspend_oneself(cast):
    client = client_of(cast["sora.administrator"])
    answer = client.post("/people/sora.administrator/suspension/", follow=True)
    assert "最後の管理者ユーザ" in answer.content.decode()
    assert client.get("/people/").status_code == 200
