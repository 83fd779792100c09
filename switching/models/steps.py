"""Every move of a case, kept for ever: the case's timeline."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.models import User, append_only
from switching.models.applications import Application
from switching.models.relays import Relay
from switching.models.undoing import UndoCase
from switching.states import ApplicationMove, RelayMove
from switching.undo_states import UndoMove


class Step(models.Model):
    """One move of one relay, application or undoing: from where to where, by whom (nobody: the hub's worker), when."""

    relay = models.ForeignKey(Relay, models.PROTECT, null=True, related_name="steps", verbose_name=_("relay"))
    application = models.ForeignKey(
        Application, models.PROTECT, null=True, related_name="steps", verbose_name=_("application")
    )
    undo_case = models.ForeignKey(
        UndoCase, models.PROTECT, null=True, related_name="steps", verbose_name=_("undoing case")
    )
    move = models.CharField(_("move"), max_length=12)
    from_state = models.CharField(_("from"), max_length=10, blank=True)
    to_state = models.CharField(_("to"), max_length=10)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=pgettext_lazy("done", "by"))

    class Meta:
        verbose_name, verbose_name_plural = _("step"), _("steps")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(relay__isnull=True, application__isnull=False, undo_case__isnull=True)
                | Q(relay__isnull=False, application__isnull=True, undo_case__isnull=True)
                | Q(relay__isnull=True, application__isnull=True, undo_case__isnull=False),
                name="a_step_belongs_to_one_case",
            )
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.relay or self.application or self.undo_case} {self.move}"

    @property
    def move_label(self) -> str:
        if self.undo_case_id:
            return str(UndoMove(self.move).label)
        return str((RelayMove if self.relay_id else ApplicationMove)(self.move).label)
