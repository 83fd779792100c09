"""Applications for use in the operators' workbench."""

import pytest
from django.test import Client

from portal import onboarding
from portal.models import Company, Proposal
from portal.onboarding import Named
from tests.cast import client_of
from tests.portal.newcomers import (
    begun,
    filed,
    filled,
    page_of,
    second_operator,
)

pytestmark = pytest.mark.django_db


def test_reviewed_and_approved_in_the_workbench(cast, hub_operator):
    application = filed()
    first, second = client_of(hub_operator), client_of(second_operator(cast))
    assert "審査する利用申請" in first.get("/").content.decode()
    assert "星でんき" in first.get("/workbench/portal/useapplication/").content.decode()
    url = f"/workbench/portal/useapplication/{application.pk}/change/"
    page = first.get(url).content.decode()
    assert 'value="30777"' in page and "hanako@hoshi.example" in page and str(application.key) not in page
    assert first.post(url, {"deed": "ask_back", "message": ""}).status_code == 422
    codes = {"code-retailer-03": "H0SH3", "code-retailer-06": "h"}
    wrong = first.post(url, {"deed": "propose", **codes})
    assert wrong.status_code == 422 and 'value="H0SH3"' in wrong.content.decode()
    codes["code-retailer-06"] = "H0SH6"
    assert first.post(url, {"deed": "propose", **codes}).status_code == 302
    proposal = Proposal.objects.get()
    assert "H0SH6" in second.get(f"/workbench/portal/proposal/{proposal.pk}/change/").content.decode()
    assert f"/workbench/portal/proposal/{proposal.pk}/change/" in first.get(url).content.decode()
    assert second.post(f"/workbench/portal/proposal/{proposal.pk}/change/", {"deed": "confirm"}).status_code == 302
    assert Company.objects.get(name="星でんき").participations.filter(code="H0SH3").exists()
    assert first.get(url).status_code == 200 and first.post(url, {"deed": "what"}).status_code == 422


def test_helpdesk_and_auditor_look_and_a_draft_is_nobodys(cast):
    application, draft = filed(), begun(2)
    client = client_of(cast["hub.auditor"])
    url = f"/workbench/portal/useapplication/{application.pk}/change/"
    assert client.get(url).status_code == 200 and 'name="deed"' not in client.get(url).content.decode()
    assert client.post(url, {"deed": "refuse", "message": "x"}).status_code == 403
    assert client.get(f"/workbench/portal/useapplication/{draft.pk}/change/").status_code == 404
    assert client.get("/workbench/portal/useapplication/abc/change/").status_code == 404
    assert client.get("/workbench/portal/letter/").status_code == 200


def test_long_lists_cost_no_more_queries(client, django_assert_max_num_queries):
    application = filled()
    onboarding.save_people(
        application,
        [Named(f"hoshi.u{n}", "X", f"u{n}@b.example", ("viewer",)) for n in range(200)],
        administrators=False,
    )
    client = Client()
    with django_assert_max_num_queries(8):
        assert client.get(page_of(application)).status_code == 200
