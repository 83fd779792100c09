"""What many lists are narrowed by."""

import django_filters
import pytest
from django.utils import translation

from portal.filters import YesOrNo
from portal.models import Company


class Narrowing(django_filters.FilterSet):
    is_hub_operator = YesOrNo("hub")
    is_suspended = YesOrNo("suspended", usually_no=True, field_name="is_hub_operator", method="as_it_is")

    class Meta:
        model = Company
        fields: list[str] = []

    def as_it_is(self, queryset, name, value):
        return queryset


@pytest.mark.parametrize(("asked", "expected"), [("", {True, False}), ("true", {True}), ("false", {False})])
def test_yes_no_or_all(cast, asked, expected):
    found = Narrowing({"is_hub_operator": asked}, queryset=Company.objects.all()).qs
    assert set(found.values_list("is_hub_operator", flat=True)) == expected


def test_nobody_reads_unknown():
    with translation.override("ja"):
        form = Narrowing({}, queryset=Company.objects.none()).form
        assert [str(words) for _value, words in form["is_hub_operator"].field.widget.choices] == [
            "（すべて）", "はい", "いいえ",
        ]  # fmt: skip
        assert [str(words) for _value, words in form["is_suspended"].field.widget.choices] == ["いいえ", "はい"]
