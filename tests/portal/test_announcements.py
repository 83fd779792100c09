"""Announcements stand on the home page of whom they are meant for, for their time, and are mailed once."""

from datetime import timedelta

import pytest
from django.core import mail

from portal import announcements, companies, outbox
from portal.models import Announcement, LedgerEntry, Notice
from tests.portal.desk import announce


def seen(user, now) -> list[str]:
    return list(Announcement.objects.visible_to(user, now=now).current(now=now).values_list("title", flat=True))


@pytest.mark.parametrize(
    ("market_role", "area", "readers"),
    [
        ("", "", {"sora", "umi", "yama", "kaze", "hub"}),
        ("retailer", "", {"sora", "umi", "yama", "hub"}),
        ("network_operator", "", {"kaze", "hub"}),
        ("", "03", {"sora", "umi", "yama", "kaze", "hub"}),
        ("retailer", "06", {"sora", "umi", "yama", "hub"}),
        ("", "10", {"hub"}),
        ("network_operator", "10", {"hub"}),
    ],
)
def test_it_is_shown_and_mailed_to_its_audience(cast, now, market_role, area, readers):
    announce(cast, market_role=market_role, area=area, by_mail=True)
    people = {key: cast[f"{key}.administrator"] for key in ("sora", "umi", "yama", "kaze", "hub")}
    assert {key for key, user in people.items() if seen(user, now)} == readers
    announcements.mail_due(now=now)
    told = {notice.recipient_id for notice in Notice.objects.filter(kind="announcement")}
    assert told == {cast.companies[key].pk for key in readers - {"hub"}}


def test_role_and_area_are_asked_of_one_and_the_same_participation(cast, now):
    companies.leave(cast.sora, market_role="retailer", area="06", by=None, now=now)
    announce(cast, market_role="retailer", area="06")
    assert seen(cast["sora.viewer"], now) == []
    assert seen(cast["umi.viewer"], now) == ["計画停止"]


def test_it_begins_and_ends(cast, now):
    hour = timedelta(hours=1)
    announce(cast, shown_from=now + hour, shown_until=now + 2 * hour, by_mail=True)
    user = cast["sora.viewer"]
    for moment, shown in [(0, 0), (1, 1), (1.9, 1), (2, 0)]:
        assert len(seen(user, now + moment * hour)) == shown
    assert announcements.mail_due(now=now) == 0
    assert announcements.mail_due(now=now + hour) == 1
    assert announcements.mail_due(now=now + hour) == 0


def test_nothing_is_mailed_when_it_is_over_withdrawn_or_not_wanted(cast, now):
    announce(cast)
    gone = announce(cast, by_mail=True)
    announcements.withdraw(gone.pk, by=cast["hub.operator"], now=now)
    announce(cast, by_mail=True, shown_until=now + timedelta(hours=1))
    assert announcements.mail_due(now=now + timedelta(days=1)) == 0
    with pytest.raises(announcements.Withdrawn):
        announcements.withdraw(gone.pk, by=cast["hub.operator"], now=now)


def test_the_mail_carries_the_words_and_no_forged_header(cast, now):
    announce(cast, title="停止\r\nBcc: all@example.jp", by_mail=True, market_role="network_operator")
    announcements.mail_due(now=now)
    outbox.send_due(now=now)
    [letter] = mail.outbox
    assert letter.subject == "停止 Bcc: all@example.jp"
    assert letter.bcc == [] and "停止します。" in letter.body
    assert outbox.words(Notice.objects.get(kind="announcement"), "en")[0] == "Planned outage"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"title": " "}, announcements.WordsMissing),
        ({"body": " "}, announcements.WordsMissing),
        ({"shown_until": -2}, announcements.EndsBeforeItBegins),
        ({"shown_until": 0}, announcements.OverAlready),
    ],
)
def test_what_is_refused(cast, now, changes, refusal):
    if "shown_until" in changes:
        changes = {"shown_until": now + timedelta(days=changes["shown_until"])}
    with pytest.raises(refusal):
        announce(cast, **changes)
    assert not Announcement.objects.exists()


@pytest.mark.parametrize("who", ["hub.helpdesk", "hub.auditor", "sora.administrator"])
def test_only_the_operator_announces(cast, now, who):
    made = announce(cast)
    by = cast[who]
    with pytest.raises(announcements.NotAllowed):
        announce(cast, by=by)
    with pytest.raises(announcements.NotAllowed):
        announcements.withdraw(made.pk, by=by, now=now)


def test_the_operator_announces_on_the_pages_and_it_stands_at_home(cast, client_of):
    hub, sora = client_of(cast["hub.operator"]), client_of(cast["sora.viewer"])
    data = {"title": "検針の遅れ", "body": "<b>遅れます</b>", "shown_from": "2026-04-01T09:00"}
    for wrong in ({}, {**data, "shown_until": "2026-03-01T09:00"}, {**data, "shown_from": "x"}, {**data, "area": "99"}):
        assert hub.post("/announcements/new/", wrong).status_code == 422
    answer = hub.post("/announcements/new/", data)
    assert answer.status_code == 302
    home = sora.get("/").content.decode()
    assert "検針の遅れ" in home and "<b>遅れます" not in home
    assert "検針の遅れ" in sora.get("/announcements/").content.decode()
    assert "&lt;b&gt;遅れます" in sora.get(answer.url).content.decode()
    assert hub.get(f"{answer.url}withdrawal/").status_code == 200
    assert hub.post(f"{answer.url}withdrawal/").status_code == 302
    assert "検針の遅れ" not in sora.get("/").content.decode()
    assert sora.get(answer.url).status_code == 404
    assert LedgerEntry.objects.filter(action="announcement.withdraw").count() == 1
