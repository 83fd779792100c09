"""The list of people that an applicant uploads."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal import onboarding, user_lists
from portal.onboarding import Named
from tests.portal.newcomers import (
    begun,
    filled,
    page_of,
)

pytestmark = pytest.mark.django_db


def read(text: str, encoding: str = "utf-8") -> list[user_lists.Row]:
    return user_lists.read(
        text.encode(encoding),
        check=lambda named, seen: onboarding.faults(named, seen, administrator=False),
        taken=["hoshi.kanri"],
    )


LIST = """ユーザID,氏名,メール,役割
hoshi.tanto,星 太郎,taro@hoshi.example,照会 廃止取次
hoshi.etsuran,髙橋 一郎,ichiro@hoshi.example,閲覧
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_a_list_is_read_whatever_its_encoding(encoding):
    rows = read(LIST, encoding)
    assert [(row.named.username, row.named.roles) for row in rows] == [
        ("hoshi.tanto", ("inquiry", "relay")),
        ("hoshi.etsuran", ("viewer",)),
    ]
    assert rows[1].named.name == "髙橋 一郎" and not any(row.faults for row in rows)


def test_every_fault_of_a_row_is_told_with_its_line():
    head = "user id,name,e-mail,roles\n"
    rows = read(
        head + "x,,nobody,king\nhoshi.a,A,a@b.example,viewer\nHOSHI.A,B,b@b.example,viewer\n"
        "hoshi.kanri,C,c@b.example,viewer\nhoshi.d,D,d@b.example,\nhoshi.e,E,e@b.example,viewer,more,still\n"
    )
    assert [row.line for row in rows] == [2, 3, 4, 5, 6, 7]
    assert [len(row.faults) for row in rows] == [4, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        "ユーザID,氏名\na,b\n".encode(),
        "ユーザID,氏名,メール,役割\n".encode(),
        b"PK\x03\x04\x00\x00",
        b"\x81\xff\xfe\x81",
        'ユーザID,氏名,メール,役割\na,"b,c,d\n'.encode(),
        b"x" * 1_000_001,
        ("ユーザID,氏名,メール,役割\n" + "".join(f"u{n},N,n@b.example,閲覧\n" for n in range(1001))).encode(),
    ],
)
def test_what_is_no_list_is_refused_with_a_sentence(client, data):
    application = begun()
    answer = client.post(page_of(application, "users/"), {"file": SimpleUploadedFile("users.csv", data)})
    assert answer.status_code == 422 and "error-summary" in answer.content.decode()
    assert not application.people.exists()


def test_a_list_is_kept_after_the_preview_only(client):
    application = begun()
    url = page_of(application, "users/")
    bad = LIST.replace("taro@", "taro")
    page = client.post(url, {"file": SimpleUploadedFile("u.csv", bad.encode())})
    assert page.status_code == 422 and 'name="rows"' not in page.content.decode()
    page = client.post(url, {"file": SimpleUploadedFile("u.csv", LIST.encode("cp932"))})
    assert page.status_code == 200 and "髙橋 一郎" in page.content.decode() and not application.people.exists()
    packed = page.context["packed"]
    other = begun(2)
    assert client.post(page_of(other, "users/"), {"rows": packed}).status_code == 302
    assert not other.people.exists(), "rows of one application serve no other"
    client.post(url, {"rows": packed + "x"})
    assert not application.people.exists()
    client.post(url, {"rows": packed})
    assert set(application.people.values_list("username", flat=True)) == {"hoshi.tanto", "hoshi.etsuran"}
    client.post(url, {"none": "1"})
    assert not application.people.exists()


def test_ten_megabytes_are_refused_without_reading_them(client):
    application = begun()
    data = SimpleUploadedFile("u.csv", b"a,b\n" * 2_500_000)
    assert client.post(page_of(application, "users/"), {"file": data}).status_code == 422


def test_a_person_is_named_once_across_administrators_and_users():
    application = filled()
    with pytest.raises(onboarding.BadPerson):
        onboarding.save_people(
            application, [Named("hoshi.kanri", "X", "x@b.example", ("viewer",))], administrators=False
        )
    with pytest.raises(onboarding.BadPerson):
        onboarding.save_people(application, [Named("hoshi.x", "X\nY", "x@b.example")], administrators=True)
    with pytest.raises(onboarding.BadPerson):
        onboarding.save_people(application, [Named("hoshi.x", "X", "x@b.example", ("operator",))], administrators=False)
    with pytest.raises(onboarding.TooManyPeople):
        many = [Named(f"hoshi.{n}", "X", "x@b.example") for n in range(11)]
        onboarding.save_people(application, many, administrators=True)
    assert {one.username for one in application.people.all()} == {"hoshi.kanri", "hoshi.tanto"}
