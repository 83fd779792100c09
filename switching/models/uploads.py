"""Files of many cases: the upload, its rows with what was found in them, and who has looked at a case."""

from functools import reduce
from operator import or_

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from metering.models import FacilityInquiry
from portal.access import Ability, within
from portal.market import Area, SupplyClass
from portal.models import Company, User
from switching.models.applications import Application
from switching.models.disclosures import Disclosure
from switching.models.movements import Movement
from switching.models.network import MeterWork
from switching.models.relays import Relay


class Content(models.TextChoices):
    """What the rows of a file ask for; each row is what one page files for one case."""

    INQUIRIES = "inquiries", _("facility inquiries")
    MOVEMENTS = "movements", _("movement information")
    DISCLOSURES = "disclosures", _("explanations of disadvantages")
    RELAYS = "relays", _("relay registrations")
    JUDGEMENTS = "judgements", _("relay judgements")
    WITHDRAWALS = "withdrawals", _("relay withdrawals")
    SWITCH_START = "switch_start", _("switch starts")
    RECONNECTION = "reconnection", _("reconnections")
    TERMINATION = "termination", _("terminations")
    AMPERE_CHANGE = "ampere_change", _("ampere changes")
    CONSUMER_CHANGE = "consumer_change", _("consumer data changes")
    NETWORK_ANSWERS = "network_answers", _("answers to applications")
    METER_WORKS = "meter_works", _("reports of meter work")


ABILITY_OF: dict[str, Ability] = {
    Content.INQUIRIES: Ability.INQUIRE,
    Content.MOVEMENTS: Ability.FILE_APPLICATION,
    Content.DISCLOSURES: Ability.DISCLOSE,
    Content.RELAYS: Ability.REGISTER_RELAY,
    Content.JUDGEMENTS: Ability.JUDGE_RELAY,
    Content.WITHDRAWALS: Ability.REGISTER_RELAY,
    Content.SWITCH_START: Ability.FILE_APPLICATION,
    Content.RECONNECTION: Ability.FILE_APPLICATION,
    Content.TERMINATION: Ability.FILE_APPLICATION,
    Content.AMPERE_CHANGE: Ability.FILE_APPLICATION,
    Content.CONSUMER_CHANGE: Ability.FILE_APPLICATION,
    Content.NETWORK_ANSWERS: Ability.ANSWER_APPLICATION,
    Content.METER_WORKS: Ability.ANSWER_APPLICATION,
}


CASES = ("relay", "application", "disclosure", "meter_work", "inquiry", "movement")
"""What a row may have led to."""


def one_of(*names: str) -> Q:
    """True where exactly one of the relations is there."""
    return reduce(or_, (Q(**{f"{name}__isnull": name != chosen for name in names}) for chosen in names))


class UploadQuerySet(models.QuerySet["Upload"]):
    def visible_to(self, user: User) -> "UploadQuerySet":
        """The own company's files whose content the person could file one by one."""
        mine = [content for content, ability in ABILITY_OF.items() if user.may(ability)]
        return self.filter(company=user.company, content__in=mine)


class Upload(models.Model):
    """A file of many cases: read and checked, confirmed by a person, carried out row by row."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting to be checked")
        CHECKED = "checked", _("checked, to be confirmed")
        CONFIRMED = "confirmed", _("being carried out")
        DONE = "done", _("carried out")
        UNREADABLE = "unreadable", _("cannot be read")
        DISCARDED = "discarded", _("discarded")
        RECALLING = "recalling", _("being recalled")
        RECALLED = "recalled", _("recalled")

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel"

    company = models.ForeignKey(Company, models.PROTECT, related_name="uploads", verbose_name=_("company"))
    content = models.CharField(_("content"), max_length=20, choices=Content)
    name = models.CharField(_("file name"), max_length=120)
    path = models.CharField(max_length=200, blank=True, editable=False)
    format = models.CharField(_("format"), max_length=4, choices=Format)
    encoding = models.CharField(_("characters"), max_length=10, blank=True)
    sha256 = models.CharField("SHA-256", max_length=64)
    size = models.BigIntegerField(_("size (bytes)"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    uploaded_at = models.DateTimeField(_("uploaded at"))
    uploaded_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("uploaded by"))
    checked_at = models.DateTimeField(_("checked at"), null=True)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    confirmed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("confirmed by"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    recalled_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("recalled by"))
    rows = models.PositiveIntegerField(_("rows"), default=0)
    rows_good = models.PositiveIntegerField(_("good rows"), default=0)
    rows_warned = models.PositiveIntegerField(_("rows with a warning"), default=0)
    rows_known = models.PositiveIntegerField(_("rows already there"), default=0)
    rows_wrong = models.PositiveIntegerField(_("rows with an error"), default=0)
    remarks = models.JSONField(_("remarks"), default=list)
    problem = models.JSONField(_("problem"), default=dict)
    attempts = models.PositiveSmallIntegerField(_("failed attempts"), default=0)

    objects = UploadQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("upload"), _("uploads")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["company", "sha256"], name="uploads_by_content"),
            models.Index(
                fields=["id"], condition=Q(state__in=["waiting", "confirmed", "recalling"]), name="uploads_to_work_on"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(rows=F("rows_good") + F("rows_warned") + F("rows_known") + F("rows_wrong")),
                name="every_row_of_an_upload_has_a_verdict",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["confirmed", "done", "recalling", "recalled"])
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False, checked_at__isnull=False),
                name="an_upload_is_carried_out_after_a_person_confirmed_it",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.name}"

    @property
    def ability(self) -> Ability:
        """What a person must be able to do to file such a row on its page."""
        return ABILITY_OF[self.content]


class UploadRowQuerySet(models.QuerySet["UploadRow"]):
    def of(self, upload: Upload, user: User) -> "UploadRowQuerySet":
        """The rows of an upload inside the person's areas and classes; all of them for who uploaded it."""
        rows = self.filter(upload=upload)
        if upload.uploaded_by_id == user.pk:
            return rows
        return rows.filter(within(user, upload.ability, area="area", supply_class="supply_class"))


class UploadRow(models.Model):
    """One row of a file as it was sent, what was found in it, and the case it led to."""

    class State(models.TextChoices):
        GOOD = "good", _("good")
        WARNED = "warned", _("warning")
        KNOWN = "known", _("already there")
        WRONG = "wrong", _("error")
        DONE = "done", _("carried out")
        REFUSED = "refused", _("refused")
        RECALLED = "recalled", _("recalled")

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="lines", verbose_name=_("upload"), db_index=False)
    line = models.PositiveIntegerField(_("row"))
    cells = models.JSONField(_("cells"))
    area = models.CharField(_("area"), max_length=2, choices=Area, blank=True)
    supply_class = models.CharField(_("class of supply"), max_length=3, choices=SupplyClass, blank=True)
    state = models.CharField(_("verdict"), max_length=8, choices=State)
    findings = models.JSONField(_("findings"), default=list)
    relay = models.ForeignKey(
        Relay, models.PROTECT, null=True, related_name="upload_rows", verbose_name=_("cancellation relay")
    )
    application = models.ForeignKey(
        Application, models.PROTECT, null=True, related_name="upload_rows", verbose_name=_("application")
    )
    disclosure = models.ForeignKey(
        Disclosure, models.PROTECT, null=True, related_name="upload_rows", verbose_name=_("disclosure of disadvantages")
    )
    meter_work = models.ForeignKey(
        MeterWork, models.PROTECT, null=True, related_name="upload_rows", verbose_name=_("meter work")
    )
    inquiry = models.ForeignKey(
        FacilityInquiry, models.PROTECT, null=True, related_name="upload_rows", verbose_name=_("facility inquiry")
    )
    movement = models.ForeignKey(
        Movement, models.PROTECT, null=True, related_name="upload_rows", verbose_name=_("planned movement")
    )

    objects = UploadRowQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("row of an upload"), _("rows of uploads")
        ordering = ["upload", "line"]
        indexes = [
            models.Index(
                fields=["upload", "line"], condition=Q(state__in=["good", "warned"]), name="upload_rows_to_carry_out"
            ),
            models.Index(fields=["upload", "state"], name="upload_rows_by_state"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["upload", "line"], name="a_row_stands_once_in_an_upload"),
            models.CheckConstraint(
                condition=~Q(state__in=["done", "recalled"]) | one_of(*CASES),
                name="a_row_that_was_carried_out_has_its_case",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.upload_id} {self.line}"


class Sight(models.Model):
    """When the other side of a case first opened it: from then on it cannot be recalled with its file."""

    relay = models.ForeignKey(Relay, models.PROTECT, null=True, related_name="sights", verbose_name=_("relay"))
    application = models.ForeignKey(
        Application, models.PROTECT, null=True, related_name="sights", verbose_name=_("application")
    )
    company = models.ForeignKey(Company, models.PROTECT, related_name="+", verbose_name=_("company"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("first look"), _("first looks")
        constraints = [
            models.UniqueConstraint(fields=["relay", "company"], name="a_company_sees_a_relay_first_once"),
            models.UniqueConstraint(fields=["application", "company"], name="a_company_sees_an_application_first_once"),
            models.CheckConstraint(
                condition=Q(relay__isnull=True, application__isnull=False)
                | Q(relay__isnull=False, application__isnull=True),
                name="a_first_look_is_at_one_case",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.company_id} {self.at}"
