"""The administrator's pages; the mailed link; the workbench's file of people; passwords."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal import letters, passwords, people, people_files
from portal.models import LedgerEntry, User
from portal.people import Hold
from tests.cast import NOW, PASSWORD, client_of
from tests.portal.test_sign_in import CODE, SIGN_IN, code_now, give_password

INVITE, LOAD = reverse("portal:invitation-new"), "/workbench/portal/user/load/"
NEW = {"username": "sora.haru", "name": "春野 春子", "email": "haru@sora.example"}


pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def admin(sora_administrator) -> Client:
    return client_of(sora_administrator)


def mailed_link() -> str:
    """The path in the newest letter, sent as the worker sends it."""
    letters.send_due(now=timezone.now())
    return re.search(r"http://localhost:8000(/invitation/\S+)", mail.outbox[-1].body).group(1)


def page_of(username: str, deed: str) -> str:
    return reverse(f"portal:{deed}", args=[username])


# --- inviting -----------------------------------------------------------------------------------------------------


def test_an_invited_person_sets_password_and_second_factor_and_is_in(admin):
    answer = admin.post(INVITE, {**NEW, "roles": ["relay", "viewer"]}, follow=True)
    assert "haru@sora.exampleに招待を送ります" in answer.content.decode()
    link = mailed_link()
    assert mail.outbox[-1].to == ["haru@sora.example"] and "sora.haru" in mail.outbox[-1].body
    person = Client()
    assert "sora.haru" in person.get(link).content.decode()
    assert "一致しません" in person.post(link, {"new": PASSWORD, "again": "x"}).content.decode()
    assert person.post(link, {"new": "short", "again": "short"}).status_code == 422
    answer = person.post(link, {"new": PASSWORD, "again": PASSWORD})
    assert answer.url == CODE and person.get("/").url == CODE, "no second factor yet"
    set_up = reverse("portal:second-factor")
    assert person.get(CODE).url == set_up
    person.get(set_up)
    user = User.objects.get(username="sora.haru")
    assert person.post(set_up, {"code": code_now(user)}).url == "/"
    assert person.get("/").status_code == 200 and user.roles == {"relay", "viewer"}
    assert person.get(link).status_code == 410, "the link serves once"
    assert LedgerEntry.objects.filter(subject="user sora.haru", action="password set by link").count() == 1


def test_a_link_ends_after_seven_days_and_by_a_newer_one(admin, sora, clock):
    admin.post(INVITE, NEW)
    first = mailed_link()
    admin.post(page_of("sora.haru", "password-link"))
    second = mailed_link()
    assert Client().get(first).status_code == 410 and Client().get(second).status_code == 200
    clock.shift(timedelta(days=7, seconds=2))
    answer = Client().post(second, {"new": PASSWORD, "again": PASSWORD})
    assert answer.status_code == 410 and "7日を過ぎています" in answer.content.decode()
    assert not User.objects.get(username="sora.haru").has_usable_password()


@pytest.mark.parametrize("link", ["/invitation/MQ/x-y/", "/invitation/%00/x/", "/invitation/9999999999999999/x/"])
def test_an_invented_link_is_no_error(db, link):
    assert Client().get(link).status_code == 410


def test_a_suspended_or_removed_persons_link_does_not_serve(admin, sora, hub_operator):
    admin.post(INVITE, NEW)
    link = mailed_link()
    people.suspend(User.objects.get(username="sora.haru"), by=hub_operator, now=NOW)
    assert Client().get(link).status_code == 410


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"username": "X"}, "ユーザIDは"),
        ({"username": "sora.administrator"}, "すでに使われて"),
        ({"name": " "}, "name"),
        ({"name": "春\n子"}, "改行は使えません"),
        ({"email": "nobody"}, "メールアドレスではありません"),
        ({"email": "a@b.example\r\nBcc: all@c.example"}, "メールアドレスではありません"),
        ({"email": "a@b.example, c@d.example"}, "メールアドレスではありません"),
        ({"roles": ["operator"]}, "roles"),
    ],
)
def test_a_bad_invitation_says_what_is_wrong_and_sends_nothing(admin, changes, sentence):
    answer = admin.post(INVITE, {**NEW, **changes})
    assert answer.status_code == 422 and sentence in answer.content.decode()
    assert letters.send_due(now=timezone.now()) == 0
    assert not User.objects.filter(name__contains="春").exists()


# --- roles, names, second factor, leaving -------------------------------------------------------------------------


def rows_of(*holds: tuple[str, str, str], initial: int = 0) -> dict:
    data = {"roles-TOTAL_FORMS": len(holds), "roles-INITIAL_FORMS": initial}
    for at, (role, area, supply_class) in enumerate(holds):
        data |= {f"roles-{at}-role": role, f"roles-{at}-area": area, f"roles-{at}-supply_class": supply_class}
    return data


def test_roles_are_set_per_area_and_class(admin, cast):
    user = cast["sora.viewer"]
    page = page_of("sora.viewer", "person-roles")
    assert 'value="viewer" selected' in admin.get(page).content.decode()
    answer = admin.post(page, rows_of(("relay", "03", "LV"), ("inquiry", "", ""), ("", "", ""), initial=1))
    assert answer.url == page_of("sora.viewer", "person")
    assert set(user.grants.values_list("role", "area", "supply_class")) == {("relay", "03", "LV"), ("inquiry", "", "")}
    assert "東京" in admin.get(answer.url).content.decode()


@pytest.mark.parametrize(
    "rows", [rows_of(("operator", "", "")), rows_of(("relay", "99", "")), {"roles-TOTAL_FORMS": "x"}]
)
def test_roles_that_cannot_be_are_refused(admin, cast, rows):
    user = cast["sora.viewer"]
    assert admin.post(page_of("sora.viewer", "person-roles"), rows).status_code == 422
    assert [grant.role for grant in user.grants.all()] == ["viewer"]


def test_the_last_administrator_cannot_give_the_role_up_or_leave(admin, cast):
    me = "sora.administrator"
    answer = admin.post(page_of(me, "person-roles"), rows_of(("viewer", "", ""), initial=1))
    assert answer.status_code == 422 and "最後の管理者ユーザ" in answer.content.decode()
    assert "最後の管理者ユーザ" in admin.post(page_of(me, "departure"), follow=True).content.decode()
    assert cast[me].is_active and admin.get("/people/").status_code == 200


def test_name_and_email_are_corrected(admin, cast):
    cast["sora.viewer"]
    page = page_of("sora.viewer", "person-change")
    assert admin.post(page, {"name": "新 名前", "email": "bad"}).status_code == 422
    admin.post(page, {"name": "新 名前", "email": "new@sora.example"})
    assert (cast["sora.viewer"].name, cast["sora.viewer"].email) == ("新 名前", "new@sora.example")


def test_the_administrator_resets_a_second_factor(admin, cast):
    user = cast["sora.viewer"]
    page = page_of("sora.viewer", "second-factor-reset")
    assert "折り返し電話" in admin.get(page).content.decode() and TOTPDevice.objects.filter(user=user).exists()
    admin.post(page)
    assert not TOTPDevice.objects.filter(user=user).exists()


def test_who_has_left_is_out_for_good_and_stays_in_the_books(admin, cast, hub_operator):
    user, client = cast["sora.viewer"], client_of(cast["sora.viewer"])
    admin.post(page_of("sora.viewer", "departure"), {"reason": "異動"}, follow=True)
    assert client.get("/").url == SIGN_IN
    assert give_password(Client(), user).status_code == 422
    assert "sora.viewer" not in admin.get("/people/").content.decode()
    assert admin.get(page_of("sora.viewer", "person")).status_code == 404
    entry = LedgerEntry.objects.get(action="user left")
    assert entry.detail == {"reason": "異動", "roles": [["viewer", "", ""]]}
    user.refresh_from_db()
    assert user.left_at == NOW and not user.grants.exists() and not user.totpdevice_set.exists()
    for deed in (people.thaw, people.suspend, people.leave, people.reset_second_factor, people.send_password_link):
        with pytest.raises(people.AlreadyLeft):
            deed(user, by=hub_operator, now=NOW)
    with pytest.raises(people.UsernameTaken):
        people.register(company=cast.sora, username="sora.viewer", name="別人", by=None, now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_active=True)


def test_the_helpdesk_thaws_only_where_no_administrator_can(cast):
    user, helpdesk = cast["sora.relay"], cast["hub.helpdesk"]
    boss = cast["sora.administrator"]
    for _ in range(5):
        Client().post(SIGN_IN, {"username": "sora.relay", "password": "wrong"})
    with pytest.raises(people.HasAdministrator):
        people.thaw(user, by=helpdesk, now=NOW)
    page = client_of(helpdesk).post(
        "/workbench/portal/user/", {"action": "thaw", "_selected_action": [user.pk]}, follow=True
    )
    assert "管理者ユーザがいます" in page.content.decode() and people.is_frozen(user)
    for _ in range(5):
        Client().post(SIGN_IN, {"username": "sora.administrator", "password": "wrong"})
    people.thaw(boss, by=helpdesk, now=NOW)
    assert not people.is_frozen(boss), "the only administrator was frozen"
    people.suspend(cast["sora.viewer"], by=None, now=NOW)
    with pytest.raises(people.HasAdministrator):
        people.thaw(cast["sora.viewer"], by=helpdesk, now=NOW)


def test_the_helpdesk_thaws_in_the_workbench(cast):
    user = cast["umi.relay"]
    people.suspend(user, by=None, now=NOW)
    client = client_of(cast["hub.helpdesk"])
    client.post("/workbench/portal/user/", {"action": "thaw", "_selected_action": [user.pk]})
    assert cast["umi.relay"].is_active, "umi has no administrator"
    client = client_of(cast["hub.auditor"])
    people.suspend(user, by=None, now=NOW)
    client.post("/workbench/portal/user/", {"action": "thaw", "_selected_action": [user.pk]})
    assert not cast["umi.relay"].is_active


def test_the_list_takes_as_many_queries_for_many_as_for_one(admin, cast, django_assert_num_queries):
    def another(at: int) -> None:
        roles = ["viewer", "relay"]
        people.register(company=cast.sora, username=f"sora.n{at}", name="名", roles=roles, by=None, now=NOW)

    admin.get("/people/")
    with CaptureQueriesContext(connection) as few:
        admin.get("/people/")
    for at in range(3):
        another(at)
    with django_assert_num_queries(len(few)):
        admin.get("/people/")


# --- the workbench's file -----------------------------------------------------------------------------------------

HEAD = "事業者コード,ユーザID,氏名,メールアドレス,役割\n"
GOOD = (
    HEAD
    + "S0RA3,sora.haru,春野 春子,haru@sora.example,廃止取次、照会@03\n"
    + "UM1E3,umi.natsu,夏目 夏,natsu@umi.example,relay@06:LV\n"
)


def uploaded(content: bytes) -> dict:
    return {"file": SimpleUploadedFile("people.csv", content)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_a_file_is_shown_first_and_loaded_by_the_second_press(cast, encoding):
    client = client_of(cast["hub.operator"])
    page = client.post(LOAD, uploaded(GOOD.encode(encoding)))
    text = page.content.decode()
    assert page.status_code == 200 and "春野 春子" in text and "空でんき" in text
    assert not User.objects.filter(username="sora.haru").exists() and letters.send_due(now=NOW) == 0
    content = re.search(r'name="content" value="([^"]+)"', text).group(1)
    assert "2名を招待しました" in client.post(LOAD, {"content": content}, follow=True).content.decode()
    assert set(User.objects.get(username="sora.haru").grants.values_list("role", "area")) == {
        ("relay", ""),
        ("inquiry", "03"),
    }
    assert letters.send_due(now=NOW) == 2
    again = client.post(LOAD, {"content": content})
    assert again.status_code == 422 and "何も登録していません" in again.content.decode()


def test_each_fault_stands_in_its_line_and_nothing_can_be_loaded(cast):
    cast["sora.relay"]
    lines = [
        "XXXXX,sora.a1,名,a@b.example,",
        "S0RA3,!,名,a@b.example,",
        "S0RA3,sora.relay,名,a@b.example,",
        "S0RA3,sora.a2,名,,",
        "S0RA3,sora.a3,名,nobody,",
        "S0RA3,sora.a4,名,a@b.example,boss",
        "S0RA3,sora.a5,名,a@b.example,operator",
        "S0RA3,sora.a6,名,a@b.example,relay",
        "S0RA3,sora.a6,名,a@b.example,relay",
        "S0RA3,sora.a7",
    ]
    found = people_files.tried(people_files.read((HEAD + "\n".join(lines)).encode()), by=cast["hub.operator"], now=NOW)
    words = [
        "事業者コード",
        "ユーザIDは",
        "すでに使われて",
        "メールアドレスが必要",
        "メールアドレスではありません",
        "役割ではありません",
    ]
    for line, word in zip(found, words, strict=False):
        assert word in line.fault, line
    assert "広域機関のユーザだけ" in found[6].fault and not found[7].fault
    assert "すでに使われて" in found[8].fault and found[9].fault and [line.number for line in found][:2] == [2, 3]
    assert not User.objects.filter(username__startswith="sora.a", company=cast.sora).exclude(
        username="sora.administrator"
    )
    page = client_of(cast["hub.operator"]).post(LOAD, uploaded((HEAD + lines[0]).encode())).content.decode()
    assert 'name="content"' not in page


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "ファイル"),
        (b"\xff\xfe\x00a", "UTF-8でもShift_JISでもない"),
        (b"a,b\n1,2\n", "列名が必要"),
        (HEAD.encode(), "列名の行より下"),
        ((HEAD + '"x,y\n').encode(), "閉じていない引用符"),
        ((HEAD + "S0RA3,sora.x1,n,a@b.example,\n" * 1001).encode(), "1,000行"),
        (b"x" * 1_000_001, "1MB"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(cast, content, sentence):
    answer = client_of(cast["hub.operator"]).post(LOAD, uploaded(content))
    assert answer.status_code == 422 and sentence in answer.content.decode()


def test_a_changed_preview_is_not_loaded(cast):
    answer = client_of(cast["hub.operator"]).post(LOAD, {"content": "forged:x:y"})
    assert answer.status_code == 422 and "有効期限" in answer.content.decode()


@pytest.mark.parametrize("who", ["hub.helpdesk", "hub.auditor"])
def test_only_the_operator_loads(cast, who):
    assert client_of(cast[who]).get(LOAD).status_code == 403
    assert client_of(cast[who]).post(LOAD, uploaded(GOOD.encode())).status_code == 403


# --- passwords ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [
        "password12345",
        "P@ssw0rd!2016",
        "qwertyuiop123",
        "abcdefghijkl",
        "aaaaaaaabbbb",
        "letmeinletmein",
        "Soradenki2016!",
        "sora.relay.01",
    ],
)
def test_passwords_that_guessers_try_first_are_refused(sora_relay, password):
    with pytest.raises(people.WeakPassword):
        people.set_password(sora_relay, password=password, by=sora_relay, now=NOW)


@pytest.mark.parametrize(
    "password", [PASSWORD, "another-long-password-7", "雨の日は窓辺で本を読むのが好き", "tR7#pLm2xQ9z"]
)
def test_good_passwords_are_taken(sora_relay, password):
    people.set_password(sora_relay, password=password, by=sora_relay, now=NOW)
    assert sora_relay.__class__.objects.get(pk=sora_relay.pk).check_password(password)


def test_the_lists_of_known_passwords_are_here(settings):
    assert len(passwords._common()) > 15_000
    assert "portal.passwords.NotADisguise" in [entry["NAME"] for entry in settings.AUTH_PASSWORD_VALIDATORS]


def test_a_hold_is_the_same_by_word_and_by_key():
    assert people_files._holds("廃止取次；照会@03:lv") == [Hold("relay"), Hold("inquiry", "03", "LV")]
