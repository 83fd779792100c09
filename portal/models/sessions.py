"""Where each person is signed in, so that a session can be shown to its owner and ended from elsewhere."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.models.people import User


class SignIn(models.Model):
    """One verified sign-in in one browser; the row goes when the session ends (see portal.sessions)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="sign_ins", verbose_name=_("user"))
    session_key = models.CharField(_("session key"), max_length=40, unique=True)
    began_at = models.DateTimeField(_("signed in at"))
    seen_at = models.DateTimeField(_("last seen at"), db_index=True)
    address = models.CharField(_("network address"), max_length=45, blank=True)
    browser = models.CharField(_("browser"), max_length=200, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("sign-in"), _("sign-ins")
        ordering = ["-seen_at", "-id"]

    def __str__(self) -> str:
        return f"{self.user_id} {self.began_at:%Y-%m-%d %H:%M}"
