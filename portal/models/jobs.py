"""Runs of dated jobs."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class JobRun(models.Model):
    """One run of a dated job; the unique row is the claim, so a second beat or worker does nothing."""

    job = models.CharField(_("job"), max_length=60)
    key = models.CharField(_("for"), max_length=60)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    counts = models.JSONField(_("counts"), default=dict)

    class Meta:
        verbose_name, verbose_name_plural = _("job run"), _("job runs")
        ordering = ["-started_at"]
        constraints = [models.UniqueConstraint(fields=["job", "key"], name="a_dated_job_is_claimed_once")]

    def __str__(self) -> str:
        return f"{self.job} {self.key}"
