"""The reference of settings says what the code says: nothing is missing, nothing is left over, nothing is unused."""

import pytest
from django.conf import settings as site
from django.core.management import CommandError, call_command

from portal import settings_reference
from portal.management.commands.settings_reference import PAGE
from portal.settings_words import MEANINGS, RULES


def test_the_page_is_what_the_code_says():
    told = (site.BASE_DIR / PAGE).read_text(encoding="utf-8")
    assert told == settings_reference.page(), "run: python3 manage.py settings_reference"


def test_every_variable_the_product_reads_is_explained_and_no_other():
    read = {variable.name for variable in settings_reference.variables()}
    assert read == set(MEANINGS)
    assert {"KIRIKAE_SECRET_KEY", "KIRIKAE_TLS_CERT", "KIRIKAE_METRICS_TOKEN", "REDIS_URL"} <= read


def test_every_rule_is_explained_and_used():
    rules = settings_reference.rules()
    assert len(rules) > 60
    assert [rule.name for rule in rules if not rule.words] == []
    assert [rule.name for rule in rules if not rule.users] == [], "a rule nobody asks"
    assert set(RULES) <= {rule.name for rule in rules}, "words about a rule that is gone"


def test_a_default_is_the_one_in_the_code():
    defaults = {variable.name: variable.default for variable in settings_reference.variables()}
    assert defaults["KIRIKAE_API_READS"] == str(site.API_READS_PER_MINUTE) == "1200"
    assert defaults["KIRIKAE_IDLE_MINUTES"] == str(site.SESSION_IDLE_MINUTES)
    page = settings_reference.page()
    [judgement] = [line for line in page.splitlines() if line.startswith("| `JUDGEMENT_BUSINESS_DAYS`")]
    assert f"| {site.JUDGEMENT_BUSINESS_DAYS} | business days |" in judgement and "`switching`" in judgement
    assert "| 1 hour |" in page and "| 30 minutes |" in page


def test_no_secret_of_this_machine_stands_on_the_page(settings):
    page = settings_reference.page()
    for name in ("SECRET_KEY", "REDIS_URL", "MEDIA_ROOT", "DATA_DIR"):
        assert str(getattr(settings, name)) not in page


def test_the_command_says_when_the_page_has_fallen_behind(settings, tmp_path, monkeypatch):
    call_command("settings_reference", check=True)
    monkeypatch.setattr(settings_reference, "page", lambda: "something newer")
    with pytest.raises(CommandError, match="fallen behind"):
        call_command("settings_reference", check=True)
