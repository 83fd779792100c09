"""Who supplies which point from when to when, as the hub knows it now and knew it then (bi-temporal)."""

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from metering.models.points import SupplyPoint
from portal.models import Company


class Contract(models.Model):
    """The retailer's contract with the customer at a point: the personal data the identity check compares with."""

    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="contracts", verbose_name=_("supply point"))
    retailer = models.ForeignKey(Company, models.PROTECT, related_name="contracts", verbose_name=_("retailer"))
    number = models.CharField(_("contract number"), max_length=40)
    holder_name = models.CharField(_("contract holder"), max_length=80)
    holder_kana = models.CharField(_("contract holder (kana)"), max_length=120, blank=True)
    holder_address = models.CharField(_("address"), max_length=250)
    holder_since = models.DateField(_("holder since"))
    annulled_at = models.DateTimeField(
        _("annulled at"), null=True, help_text=_("Since when it counts as never having been: an erroneous switch.")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("contract"), _("contracts")
        ordering = ["retailer", "number"]
        indexes = [models.Index(fields=["retailer", "number"], name="contracts_by_number")]
        triggers = [
            pgtrigger.Trigger(
                name="an_annulled_contract_supplies_nothing",
                operation=pgtrigger.UpdateOf("annulled_at"),
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                condition=pgtrigger.Q(new__annulled_at__isnull=False),
                func="""
                    IF EXISTS (SELECT FROM metering_supplyperiod p WHERE p.point_id = NEW.point_id
                                  AND p.contract_id = NEW.id AND p.known_until IS NULL) THEN
                        RAISE EXCEPTION 'an_annulled_contract_supplies_nothing: contract %', NEW.id
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'an_annulled_contract_supplies_nothing';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.number


class SupplyPeriod(models.Model):
    """One retailer supplies one point during [from, to); the row is never changed but superseded.

    `known_until` is null for what the hub holds true now. A change writes `known_until` on the old row and inserts new
    ones, so that every past belief can be asked for.
    """

    class Ending(models.TextChoices):
        OPEN = "open", _("goes on")
        HANDED_OVER = "handed_over", _("handed over to another retailer")
        TERMINATED = "terminated", _("terminated")

    point = models.ForeignKey(
        SupplyPoint, models.PROTECT, related_name="supply_periods", verbose_name=_("supply point"), db_index=False
    )
    retailer = models.ForeignKey(Company, models.PROTECT, related_name="supply_periods", verbose_name=_("retailer"))
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="supply_periods", verbose_name=_("contract"))
    during = DateRangeField(_("during"))
    ending = models.CharField(_("ending"), max_length=12, choices=Ending, default=Ending.OPEN)
    cause = models.CharField(_("cause"), max_length=60, blank=True)
    known_from = models.DateTimeField(_("known from"))
    known_until = models.DateTimeField(_("known until"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("supply period"), _("supply periods")
        ordering = ["point", "during", "known_from"]
        indexes = [
            # Also what the deferred trigger below looks up, once per row of a large hand-over.
            models.Index(fields=["point", "known_until"], name="periods_of_a_point"),
            models.Index(
                fields=["retailer", "point"],
                condition=Q(known_until__isnull=True),
                name="periods_of_a_retailer",
            ),
        ]
        constraints = [
            ExclusionConstraint(
                name="one_supplier_per_point_and_day",
                expressions=[("point", RangeOperators.EQUAL), ("during", RangeOperators.OVERLAPS)],
                condition=Q(known_until__isnull=True),
            ),
            models.CheckConstraint(
                condition=Q(during__startswith__isnull=False, during__isempty=False),
                name="a_supply_period_has_a_first_day",
            ),
            models.CheckConstraint(
                condition=Q(ending="open", during__endswith__isnull=True)
                | (~Q(ending="open") & Q(during__endswith__isnull=False)),
                name="a_supply_period_ends_only_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(known_until__isnull=True) | Q(known_until__gte=models.F("known_from")),
                name="a_belief_ends_after_it_began",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="keep_what_was_known", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="a_period_is_superseded_not_changed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF (NEW.point_id, NEW.retailer_id, NEW.contract_id, NEW.during, NEW.ending, NEW.cause, NEW.known_from)
                       IS DISTINCT FROM
                       (OLD.point_id, OLD.retailer_id, OLD.contract_id, OLD.during, OLD.ending, OLD.cause, OLD.known_from)
                       OR OLD.known_until IS NOT NULL THEN
                        RAISE EXCEPTION 'a_period_is_superseded_not_changed: supply period %', OLD.id
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'a_period_is_superseded_not_changed';
                    END IF;
                    RETURN NEW;
                """,  # noqa: E501
            ),
            pgtrigger.Trigger(
                name="no_day_without_supplier_unless_terminated",
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("known_until"),
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                # A new period that is open or terminated cannot leave another one without its successor.
                condition=pgtrigger.Q(new__ending="handed_over") | pgtrigger.Q(new__known_until__isnull=False),
                declare=[("orphan", "bigint")],
                func="""
                    SELECT p.id INTO orphan FROM metering_supplyperiod p
                    WHERE p.point_id = NEW.point_id AND p.known_until IS NULL AND p.ending = 'handed_over'
                      AND NOT EXISTS (SELECT FROM metering_supplyperiod n
                                      WHERE n.point_id = p.point_id AND n.known_until IS NULL
                                        AND lower(n.during) = upper(p.during))
                    LIMIT 1;
                    IF orphan IS NULL AND NEW.known_until IS NOT NULL THEN
                        -- A superseded belief must leave one behind that begins the same day, or, where nobody
                        -- had handed the point over, the same contract from another day on.
                        SELECT NEW.id INTO orphan
                        WHERE NOT EXISTS (SELECT FROM metering_supplyperiod n
                                          WHERE n.point_id = NEW.point_id AND n.known_until IS NULL
                                            AND lower(n.during) <= lower(NEW.during)
                                            AND NOT (n.during << NEW.during))
                          AND NOT EXISTS (SELECT FROM metering_supplyperiod n
                                          WHERE n.point_id = NEW.point_id AND n.known_until IS NULL
                                            AND n.contract_id = NEW.contract_id
                                            AND upper(n.during) IS NOT DISTINCT FROM upper(NEW.during)
                                            AND NOT EXISTS (
                                                SELECT FROM metering_supplyperiod b
                                                WHERE b.point_id = NEW.point_id AND b.ending = 'handed_over'
                                                  AND upper(b.during) = lower(NEW.during)
                                                  AND (b.known_until IS NULL OR b.known_until = NEW.known_until)));
                    END IF;
                    IF orphan IS NOT NULL THEN
                        RAISE EXCEPTION 'no_day_without_supplier_unless_terminated: supply period %', orphan
                            USING ERRCODE = 'check_violation',
                                  CONSTRAINT = 'no_day_without_supplier_unless_terminated';
                    END IF;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="a_past_day_that_changed_hands_is_owed",
                operation=pgtrigger.UpdateOf("known_until"),
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                condition=pgtrigger.Q(new__known_until__isnull=False),
                declare=[("past", "daterange"), ("lost", "date")],
                func="""
                    past := NEW.during * daterange(NULL, (NEW.known_until AT TIME ZONE 'Asia/Tokyo')::date);
                    IF isempty(past) OR EXISTS (
                        SELECT FROM metering_supplyperiod p WHERE p.point_id = NEW.point_id AND p.known_until IS NULL
                           AND p.retailer_id = NEW.retailer_id AND p.during @> past)
                    THEN RETURN NULL; END IF;
                    SELECT u.day INTO lost FROM metering_usageday u
                    WHERE u.point_id = NEW.point_id AND u.day >= lower(past) AND u.day < upper(past)
                      AND NOT EXISTS (SELECT FROM metering_supplyperiod p
                                      WHERE p.point_id = NEW.point_id AND p.known_until IS NULL
                                        AND p.retailer_id = NEW.retailer_id AND p.during @> u.day)
                      AND NOT EXISTS (SELECT FROM metering_owedday o
                                      WHERE o.point_id = NEW.point_id AND o.day = u.day
                                        AND o.from_retailer_id = NEW.retailer_id AND o.known_at = NEW.known_until)
                    LIMIT 1;
                    IF lost IS NOT NULL THEN
                        RAISE EXCEPTION 'a_past_day_that_changed_hands_is_owed: supply period % on %', NEW.id, lost
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'a_past_day_that_changed_hands_is_owed';
                    END IF;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="a_past_day_taken_up_is_owed",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                # What was handed over stood there before: its retailer took nothing up.
                condition=pgtrigger.Condition(
                    "NEW.ending <> 'handed_over' "
                    "AND lower(NEW.during) < (NEW.known_from AT TIME ZONE 'Asia/Tokyo')::date"
                ),
                declare=[("past", "daterange"), ("lost", "date")],
                func="""
                    IF NOT EXISTS (SELECT FROM metering_publication) THEN RETURN NULL; END IF;
                    past := NEW.during * daterange(NULL, (NEW.known_from AT TIME ZONE 'Asia/Tokyo')::date);
                    SELECT u.day INTO lost FROM metering_usageday u
                    JOIN metering_usagebatch b ON b.id = u.batch_id
                    JOIN metering_publication done ON done.id = b.publication_id AND done.published_at < NEW.known_from
                    WHERE u.point_id = NEW.point_id AND u.day >= lower(past) AND u.day < upper(past)
                      AND NOT EXISTS (SELECT FROM metering_supplyperiod p
                                      WHERE p.point_id = NEW.point_id AND p.known_until = NEW.known_from
                                        AND p.during @> u.day)
                      AND NOT EXISTS (SELECT FROM metering_owedday o
                                      WHERE o.point_id = NEW.point_id AND o.day = u.day
                                        AND o.to_retailer_id = NEW.retailer_id AND o.known_at = NEW.known_from)
                    LIMIT 1;
                    IF lost IS NOT NULL THEN
                        RAISE EXCEPTION 'a_past_day_taken_up_is_owed: supply period % on %', NEW.id, lost
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'a_past_day_taken_up_is_owed';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.point_id} {self.retailer_id} {self.during}"
