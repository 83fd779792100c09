"""The hub's statistics: the table per week or month and area, and how companies answered; the same for everybody."""

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Ability
from portal.api.endpoint import Endpoint
from portal.api.schema import operation
from portal.market import Area
from switching.statistics import Step
from switching.views.statistics import Asked, figures


class StatisticsQuery(serializers.Serializer):
    step = serializers.ChoiceField(choices=[step.value for step in Step], default=Step.MONTH.value)
    area = serializers.ChoiceField(choices=Area.choices, required=False)
    first = serializers.DateField(required=False, help_text="From the week or month that holds this day.")
    last = serializers.DateField(required=False, help_text="Until the week or month that holds this day.")


class FiguresShown(serializers.Serializer):
    inquiries = serializers.IntegerField()
    switch_starts = serializers.IntegerField()
    others = serializers.IntegerField()


class CountShown(FiguresShown):
    period = serializers.DateField(help_text="The first day of the week or month.")
    area = serializers.CharField()
    cumulative = FiguresShown()


class AnswersShown(serializers.Serializer):
    month = serializers.CharField(help_text="As 2026-04.")
    losing_retailer = serializers.CharField(allow_null=True, help_text="null: all companies together.")
    ended = serializers.IntegerField(allow_null=True)
    median_hours = serializers.FloatField(allow_null=True)
    p95_hours = serializers.FloatField(allow_null=True)
    on_time_share = serializers.FloatField(allow_null=True)


class StatisticsShown(serializers.Serializer):
    counted_until = serializers.DateField(allow_null=True)
    time_zone = serializers.CharField()
    step = serializers.CharField()
    definitions = serializers.DictField(child=serializers.CharField())
    counts = CountShown(many=True)
    answers = AnswersShown(many=True)


class Statistics(Endpoint):
    """Inquiries, switch starts and others, and the answers of losing retailers; figures of fewer than five are null."""

    needs = {"get": Ability.ENTER}

    @operation(_("Read the statistics"), shows=StatisticsShown, query=StatisticsQuery)
    def get(self, request: Request) -> Response:
        form = Asked(self.query(StatisticsQuery))
        self.cleaned(form, in_query=True)
        return self.one(figures(form))
