"""The command that opens a new site."""

import io

import pytest
from django.core.management import CommandError, call_command

from portal import people
from portal.models import Company, User
from tests.cast import NOW, PASSWORD

OPTIONS = {"hub": "切替広域機関", "username": "hub.first", "name": "最初 一郎", "email": "first@hub.example"}


def opened(monkeypatch, password: str = PASSWORD, **options) -> str:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    call_command("first_operator", **{**OPTIONS, **options}, password_stdin=True, stdout=out)
    return out.getvalue()


def test_hub_and_first_operator_are_entered_and_the_key_is_printed_once(db, monkeypatch):
    text = opened(monkeypatch)
    user = User.objects.get()
    assert user.check_password(PASSWORD) and user.is_staff and user.roles == {"operator", "administrator"}
    assert user.company.is_hub_operator and user.company.name == "切替広域機関"
    assert user.totpdevice_set.get().config_url in text
    with pytest.raises(CommandError, match="切替広域機関"):
        opened(monkeypatch, username="hub.second")
    assert User.objects.count() == 1


def test_what_is_not_given_is_asked_for(db, monkeypatch):
    answers = iter(["切替広域機関", "hub.first", "最初 一郎"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    monkeypatch.setattr("portal.management.commands.first_operator.getpass", lambda prompt: PASSWORD)
    call_command("first_operator", stdout=io.StringIO())
    assert User.objects.get(username="hub.first").name == "最初 一郎"


@pytest.mark.parametrize(
    ("options", "password"), [({}, "short"), ({"username": "?"}, PASSWORD), ({"email": "x"}, PASSWORD)]
)
def test_what_is_refused_leaves_nothing_behind(db, monkeypatch, options, password):
    with pytest.raises(CommandError):
        opened(monkeypatch, password, **options)
    assert not Company.objects.exists() and not User.objects.exists()


def test_without_a_terminal_the_options_are_needed(db, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(CommandError, match="--help"):
        call_command("first_operator")


def test_two_passwords_that_differ_enter_nothing(db, monkeypatch):
    given = iter([PASSWORD, PASSWORD + "x"])
    monkeypatch.setattr("portal.management.commands.first_operator.getpass", lambda prompt: next(given))
    with pytest.raises(CommandError, match="differ"):
        call_command("first_operator", **OPTIONS)
    assert not Company.objects.exists()


def test_the_first_operator_can_open_the_workbench(db, monkeypatch):
    opened(monkeypatch)
    user = User.objects.get()
    people.register(company=user.company, username="hub.second", name="次", by=user, now=NOW)
