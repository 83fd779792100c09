"""What the applicant fills in, page by page, and files."""

from datetime import datetime

import pytest

from portal import companies, letters, onboarding
from portal.models import Letter
from portal.models.onboarding import UseState
from portal.workdays import JST
from tests.cast import NOW
from tests.portal.newcomers import (
    COMPANY,
    CORPORATE_NUMBER,
    begun,
    filed,
    filled,
    page_of,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"registration_number": "B0001"}, companies.BadRegistrationNumber),
        ({"corporate_number": "1234567890123"}, companies.BadCorporateNumber),
        ({"name": " "}, companies.NameMissing),
        ({"name": "星\nBcc: x@y.example"}, onboarding.ControlCharacters),
        ({"name_en": "Hoshi\x00"}, onboarding.ControlCharacters),
        ({"notice_address": "a@b.example\nBcc: x@y.example"}, onboarding.ControlCharacters),
        ({"notice_address": "nobody"}, letters.BadAddress),
        ({"market_roles": ["king"]}, onboarding.NothingChosen),
    ],
)
def test_wrong_company_data_is_refused_by_name(change, refusal):
    application = begun()
    with pytest.raises(refusal):
        onboarding.save_company(application, **(COMPANY | change))


def test_what_is_missing_is_said_page_by_page():
    application = begun()
    assert [step for step, _why in onboarding.gaps(application)] == ["company", "wanted", "administrators"]
    with pytest.raises(onboarding.Incomplete):
        onboarding.file(application, accepts=True, now=NOW)
    onboarding.save_company(application, **(COMPANY | {"registration_number": ""}))
    application.refresh_from_db()
    assert "登録番号" in dict(onboarding.gaps(application))["company"]


def test_the_statement_must_be_accepted(client):
    application = filled()
    with pytest.raises(onboarding.StatementNotAccepted):
        onboarding.file(application, accepts=False, now=NOW)
    page = client.get(page_of(application, "filing/")).content.decode()
    assert "共同で利用" in page and CORPORATE_NUMBER in page
    assert client.post(page_of(application, "filing/"), {}).status_code == 422
    onboarding.file(application, accepts=True, now=NOW)
    page = client.get(page_of(application)).content.decode()
    assert f"/use-applications/joint-use/{onboarding.STATEMENT_EDITION}/" in page
    assert client.get("/use-applications/joint-use/1999-01/").status_code == 404


def test_filed_in_the_browser_step_by_step(client, settings):
    application = begun(now=NOW)
    start = onboarding.earliest_start(application.kind, datetime.now(tz=JST).date())

    def send(step: str, **data) -> None:
        answer = client.post(page_of(application, step), data)
        assert answer.status_code == 302, answer.content.decode()

    page = client.get(page_of(application, "company/"))
    assert page.status_code == 200
    wrong = client.post(page_of(application, "company/"), COMPANY | {"corporate_number": "1234567890123"})
    assert wrong.status_code == 422 and "法人番号は13桁" in wrong.content.decode()
    send("company/", **(COMPANY | {"corporate_number": f"{CORPORATE_NUMBER[:1]}-{CORPORATE_NUMBER[1:]}"}))
    late = client.post(
        page_of(application, "wanted/"), {"areas": ["03"], "supply_classes": ["LV"], "wanted_start": "2020-01-01"}
    )
    assert late.status_code == 422 and "申請期限" in late.content.decode()
    assert client.post(page_of(application, "wanted/"), {"wanted_start": "some day"}).status_code == 422
    send("wanted/", areas=["03"], supply_classes=["LV", "HV"], wanted_start=start.isoformat())
    rows = {"form-TOTAL_FORMS": 3, "form-INITIAL_FORMS": 0, "form-0-username": "Hoshi.Kanri", "form-0-name": "星 花子"}
    assert client.post(page_of(application, "administrators/"), rows).status_code == 422
    send("administrators/", **rows, **{"form-0-email": "hanako@hoshi.example"})
    again = {
        "form-TOTAL_FORMS": 3,
        "form-INITIAL_FORMS": 1,
        "form-0-username": "",
        "form-0-name": "",
        "form-0-email": "",
    }
    other = {"form-1-username": "hoshi.kanri2", "form-1-name": "星 次郎", "form-1-email": "jiro@hoshi.example"}
    send("administrators/", **again, **other)
    assert [one.username for one in application.people.all()] == ["hoshi.kanri2"]
    send("certificates/", certificate_ids="kirikae-ca:00ff\nkirikae-ca:0100\n")
    assert client.post(page_of(application, "certificates/"), {"certificate_ids": "<script>"}).status_code == 422
    send("filing/", accepts="on")
    application.refresh_from_db()
    assert application.state == UseState.WAITING and application.certificate_ids == [
        "kirikae-ca:00ff",
        "kirikae-ca:0100",
    ]
    assert "広域機関の番です" in client.get(page_of(application)).content.decode()
    kinds = list(Letter.objects.values_list("kind", flat=True))
    assert kinds == ["use_application_received"]


def test_a_filed_application_is_changed_by_nobody(client):
    application = filed()
    for step in ("company/", "wanted/", "administrators/", "users/", "certificates/", "filing/"):
        assert client.get(page_of(application, step)).status_code == 302
        assert client.post(page_of(application, step), {}).status_code == 302
    with pytest.raises(onboarding.NotNow):
        onboarding.save_people(application, [], administrators=True)


def test_an_unknown_key_opens_nothing(client):
    assert client.get("/use-applications/00000000-0000-4000-8000-000000000000/").status_code == 404
    assert client.get("/use-applications/1/").status_code == 404
