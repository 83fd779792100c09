"""The table of kinds against the functions of the domain notes, switching §3, and against the rules around it."""

import itertools

import pytest

from portal.market import SupplyClass
from switching import kinds
from switching.kinds import Kind, Lead, Work
from switching.models import Application

LV, HV, FIT = SupplyClass.LV, SupplyClass.HV, SupplyClass.FIT
OFFERED = {
    Kind.SWITCH_START: {LV, HV, FIT},
    Kind.SWITCH_TERMINATION: {LV, HV, FIT},
    Kind.RECONNECTION: {LV},
    Kind.TERMINATION: {LV, HV},
    Kind.AMPERE_CHANGE: {LV},
    Kind.CONSUMER_CHANGE: {LV, HV, FIT},
}


@pytest.mark.parametrize(("kind", "supply_class"), list(itertools.product(Kind, SupplyClass)))
def test_a_kind_exists_at_the_classes_the_notes_name(kind, supply_class):
    assert (kinds.rule(kind, supply_class) is not None) == (supply_class in OFFERED[kind])
    assert (supply_class in kinds.classes_of(kind)) == (supply_class in OFFERED[kind])


@pytest.mark.parametrize("key", kinds.RULES, ids="-".join)
def test_every_field_is_known_named_once_and_kept_somewhere(key):
    rule = kinds.RULES[key]
    assert len(set(rule.fields)) == len(rule.fields) and set(rule.fields) <= set(kinds.FIELDS)
    columns = {field.name for field in Application._meta.get_fields()}
    for field in rule.fields:
        assert (field in columns) != (field in kinds.IN_DETAILS)


@pytest.mark.parametrize("key", kinds.RULES, ids="-".join)
def test_the_columns_of_a_rule_agree_with_one_another(key):
    rule, (kind, supply_class) = kinds.RULES[key], key
    assert rule.has_counterpart == (kind in (Kind.SWITCH_START, Kind.SWITCH_TERMINATION)) == kinds.has_counterpart(kind)
    assert ("meter_work" in rule.fields) == (rule.work == Work.POSSIBLE)
    assert rule.begins_in
    if rule.back_days:
        assert kind in (Kind.RECONNECTION, Kind.CONSUMER_CHANGE) and rule.back_days == 31
        assert rule.lead in (Lead.WORK, Lead.SAME_DAY)
    if kind == Kind.TERMINATION:
        assert (rule.lead == Lead.SAME_DAY) == (supply_class == LV), "same day allowed for low voltage"
        assert ("removal" in rule.required) == (supply_class == HV), "high voltage: removal only"
