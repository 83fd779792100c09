"""Views of a list that people keep: a name for a filter, an order and a choice of columns."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.models.companies import Company
from portal.models.people import User


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, user: User) -> "SavedViewQuerySet":
        """The person's own views and those shared in the company."""
        return self.filter(Q(owner=user) | Q(owner__isnull=True), company=user.company_id)


class SavedView(models.Model):
    """The query string of one list under a name: a person's own, or (without owner) shared in the company."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="saved_views", verbose_name=_("company"))
    owner = models.ForeignKey(User, models.CASCADE, null=True, related_name="saved_views", verbose_name=_("owner"))
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("made by"))
    page = models.CharField(_("list"), max_length=80)
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=1500, blank=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("saved view"), _("saved views")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "page", "name"],
                condition=Q(owner__isnull=False),
                name="a_view_is_named_once_per_person_and_list",
            ),
            models.UniqueConstraint(
                fields=["company", "page", "name"],
                condition=Q(owner__isnull=True),
                name="a_shared_view_is_named_once_per_company_and_list",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="a_view_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class FirstView(models.Model):
    """The view with which a list opens for a person."""

    user = models.ForeignKey(User, models.CASCADE, related_name="first_views", verbose_name=_("user"))
    page = models.CharField(_("list"), max_length=80)
    view = models.ForeignKey(SavedView, models.CASCADE, related_name="first_for", verbose_name=_("saved view"))

    class Meta:
        verbose_name, verbose_name_plural = _("first view"), _("first views")
        constraints = [models.UniqueConstraint(fields=["user", "page"], name="a_list_opens_with_one_view")]
        triggers = [
            pgtrigger.Trigger(
                name="a_list_opens_with_a_view_of_ones_own",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF NOT EXISTS (SELECT FROM portal_savedview v JOIN portal_user u ON u.id = NEW.user_id
                                   WHERE v.id = NEW.view_id AND v.page = NEW.page AND v.company_id = u.company_id
                                     AND (v.owner_id IS NULL OR v.owner_id = u.id)) THEN
                        RAISE EXCEPTION 'a_list_opens_with_a_view_of_ones_own: view %', NEW.view_id
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'a_list_opens_with_a_view_of_ones_own';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.page} {self.view_id}"
