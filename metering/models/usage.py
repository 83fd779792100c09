"""Half-hourly usage: files in, days kept, refused rows, publications out."""

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from metering.models.points import SupplyPoint
from portal.access import Ability, within
from portal.market import Area, SupplyClass
from portal.models import Company, User


class Layer(models.TextChoices):
    """Three layers that are never mixed (domain notes, metering §3), and what is no half-hourly usage."""

    PRELIMINARY = "P", _("preliminary")
    DAILY = "D", _("daily")
    FIXED = "F", _("fixed")
    OTHER = "O", _("other categories")


class UsageFileQuerySet(models.QuerySet["UsageFile"]):
    def visible_to(self, user: User) -> "UsageFileQuerySet":
        """Files the person's own company sent."""
        return self.filter(sender=user.company).filter(within(user, Ability.SEND_USAGE))


class UsageFile(models.Model):
    """A usage file a network operator sent: uploaded or dropped, taken in once (by its SHA-256)."""

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("usage file", "waiting")
        TAKEN_IN = "taken_in", _("taken in")
        UNREADABLE = "unreadable", _("cannot be read")

    class Format(models.TextChoices):
        WIDE_CSV = "wide_csv", _("wide CSV")
        LONG_CSV = "long_csv", _("long CSV")
        PARQUET = "parquet", "Parquet"
        ESPI = "espi", "Green Button (ESPI)"
        JSON_LINES = "json_lines", _("JSON lines")
        BP_DAY = "bp_day", "BP 0120/1120"
        BP_HALF_HOUR = "bp_half_hour", "BP 0110/1110"
        BP_FIXED = "bp_fixed", "BP 1210/1220"
        BP_EXCHANGE = "bp_exchange", "BP 1310/1320"
        BP_OFF_CYCLE = "bp_off_cycle", "BP 1410/1420"
        REGISTERS = "registers", _("register readings (CSV)")
        INTERRUPTION = "interruption", _("interruption discounts (CSV)")
        SORTED_ENERGY = "sorted_energy", _("sorted energy (CSV)")
        CONTRACT_POWER = "contract_power", _("contract power (CSV)")

    sender = models.ForeignKey(Company, models.PROTECT, related_name="usage_files", verbose_name=_("sender"))
    name = models.CharField(_("file name"), max_length=120)
    content = models.FileField(upload_to="usage/in/%Y/%m/%d", max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField(_("size (bytes)"))
    format = models.CharField(_("format"), max_length=20, choices=Format)
    layer = models.CharField(_("layer"), max_length=1, choices=Layer, default=Layer.DAILY)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    received_at = models.DateTimeField(_("received at"))
    received_from = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("received from")
    )
    finished_at = models.DateTimeField(_("finished at"), null=True)
    rows_read = models.BigIntegerField(_("rows read"), default=0)
    rows_taken = models.BigIntegerField(_("rows taken in"), default=0)
    rows_unchanged = models.BigIntegerField(_("rows already known"), default=0)
    rows_refused = models.BigIntegerField(_("rows refused"), default=0)
    warnings = models.JSONField(_("warnings"), default=dict)
    problem = models.JSONField(_("problem"), default=dict)
    attempts = models.PositiveSmallIntegerField(_("failed attempts"), default=0)
    settled_at = models.DateTimeField(_("settled at"), null=True)

    objects = UsageFileQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("usage file"), _("usage files")
        ordering = ["-id"]
        indexes = [models.Index(fields=["id"], condition=Q(state="waiting"), name="usage_files_waiting")]
        constraints = [
            models.UniqueConstraint(fields=["sender", "sha256"], name="a_usage_file_is_taken_in_once"),
            models.CheckConstraint(
                condition=Q(rows_read=models.F("rows_taken") + models.F("rows_unchanged") + models.F("rows_refused")),
                name="every_row_read_is_taken_known_or_refused",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", finished_at__isnull=True)
                | (~Q(state="waiting") & Q(finished_at__isnull=False)),
                name="a_finished_usage_file_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RefusedRow(models.Model):
    """A row that did not go in, kept whole with the reason so that it can be corrected and sent again."""

    file = models.ForeignKey(UsageFile, models.CASCADE, related_name="refused", verbose_name=_("file"))
    line = models.PositiveBigIntegerField(_("line"))
    field = models.CharField(_("field"), max_length=40, blank=True)
    code = models.CharField(_("reason code"), max_length=30)
    params = models.JSONField(default=dict)
    raw = models.TextField(_("row as sent"))

    class Meta:
        verbose_name, verbose_name_plural = _("refused row"), _("refused rows")
        ordering = ["file", "line", "id"]

    def __str__(self) -> str:
        return f"{self.file_id}:{self.line} {self.code}"


class Publication(models.Model):
    """One publishing of a day: revision 0 holds the whole day, later ones only what changed since.

    What changed is values, and whose they are: of a point that is now another retailer's, `rows_moved` go to that one
    (they are part of `rows`), and whoever had them is told that the point is withdrawn.
    """

    day = models.DateField(_("day"))
    layer = models.CharField(_("layer"), max_length=1, choices=Layer)
    slot = models.PositiveSmallIntegerField(
        _("half-hour"), default=0, help_text=_("1 to 48 for preliminary values, 0 for whole days.")
    )
    revision = models.PositiveSmallIntegerField(_("revision"))
    published_at = models.DateTimeField(_("published at"))
    folder = models.CharField(_("folder"), max_length=120, unique=True)
    rows = models.BigIntegerField(_("rows"))
    readings = models.BigIntegerField(_("readings"))
    rows_without_supplier = models.BigIntegerField(_("rows without supplier"), default=0)
    readings_without_supplier = models.BigIntegerField(_("readings without supplier"), default=0)
    rows_superseded = models.BigIntegerField(_("rows corrected before they were published"), default=0)
    readings_superseded = models.BigIntegerField(_("readings corrected before they were published"), default=0)
    rows_moved = models.BigIntegerField(_("rows published again to another retailer"), default=0)
    readings_moved = models.BigIntegerField(_("readings published again to another retailer"), default=0)
    points_withdrawn = models.BigIntegerField(_("supply points withdrawn"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("publication"), _("publications")
        ordering = ["-day", "-revision"]
        constraints = [
            models.UniqueConstraint(
                fields=["day", "layer", "slot", "revision"], name="a_day_is_published_once_per_revision"
            ),
            models.CheckConstraint(
                condition=Q(layer="P", slot__gte=1, slot__lte=48) | (~Q(layer="P") & Q(slot=0)),
                name="a_preliminary_publication_is_of_one_half_hour",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.layer}{self.slot or ''} {self.revision:02d}"


class UsageBatch(models.Model):
    """What one file brought for one day: the unit that is published, once."""

    file = models.ForeignKey(UsageFile, models.PROTECT, related_name="batches", verbose_name=_("file"))
    day = models.DateField(_("day"))
    layer = models.CharField(_("layer"), max_length=1, choices=Layer)
    slot = models.PositiveSmallIntegerField(
        _("half-hour"), default=0, help_text=_("1 to 48 for preliminary values, 0 for whole days.")
    )
    rows = models.BigIntegerField(_("rows"))
    readings = models.BigIntegerField(_("readings"))
    rows_corrected = models.BigIntegerField(_("rows that correct earlier ones"), default=0)
    publication = models.ForeignKey(
        Publication, models.PROTECT, null=True, related_name="batches", verbose_name=_("publication")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("usage batch"), _("usage batches")
        ordering = ["id"]
        indexes = [
            models.Index(fields=["day", "layer"], condition=Q(publication__isnull=True), name="batches_to_publish")
        ]
        constraints = [
            models.UniqueConstraint(fields=["file", "day", "layer", "slot"], name="a_file_brings_a_day_once_per_layer"),
            models.CheckConstraint(
                condition=Q(layer="P", slot__gte=1, slot__lte=48) | (~Q(layer="P") & Q(slot=0)),
                name="a_preliminary_batch_is_of_one_half_hour",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_id} {self.day}"


class UsageDay(models.Model):
    """48 half-hours of one meter at one point on one day in one layer and revision; rows are only ever added.

    `packed` and `quality` are laid out by `metering.halfhours` (Wh, slot 01 first). Partitioned by month of `day`.
    """

    pk = models.CompositePrimaryKey("point_id", "day", "layer", "meter", "revision")
    point = models.ForeignKey(SupplyPoint, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    day = models.DateField(_("day"))
    layer = models.CharField(_("layer"), max_length=1, choices=Layer)
    meter = models.CharField(_("meter number"), max_length=16)
    revision = models.PositiveSmallIntegerField(_("revision"))
    batch = models.ForeignKey(UsageBatch, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    packed = models.BinaryField()
    quality = models.BinaryField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("usage day"), _("usage days")
        indexes = [BrinIndex(fields=["day", "batch"], pages_per_range=16, name="usage_days_by_day")]
        triggers = [pgtrigger.Protect(name="usage_is_added_never_changed", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.point_id} {self.day}"


class MonthlyUsage(models.Model):
    """Fixed monthly usage of a point; a correction is a higher revision."""

    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="monthly_usage", verbose_name=_("supply point"))
    month = models.DateField(_("month"), help_text=_("First day of the month."))
    wh = models.BigIntegerField(_("usage (Wh)"))
    read_on = models.DateField(_("read on"))
    revision = models.PositiveSmallIntegerField(_("revision"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("monthly usage"), _("monthly usage")
        ordering = ["point", "month", "revision"]
        constraints = [
            models.UniqueConstraint(
                fields=["point", "month", "revision"], name="a_month_is_fixed_once_per_point_and_revision"
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="a_month_is_named_by_its_first_day"),
        ]

    def __str__(self) -> str:
        return f"{self.point_id} {self.month:%Y-%m}"


class PublishedFileQuerySet(models.QuerySet["PublishedFile"]):
    def visible_to(self, user: User) -> "PublishedFileQuerySet":
        """Files published to the person's own company, inside the person's areas and classes."""
        return self.filter(recipient=user.company).filter(
            within(user, Ability.COLLECT_USAGE, area="area", supply_class="supply_class")
        )

    def kept(self) -> "PublishedFileQuerySet":
        """Files that are there still; older ones are removed, their lines stay."""
        return self.filter(removed_at__isnull=True)

    def with_later(self) -> "PublishedFileQuerySet":
        """Adds `later_revision` and `later_at`: the newest revision of the same day, area and class after this one."""
        later = PublishedFile.objects.filter(
            recipient=OuterRef("recipient"),
            area=OuterRef("area"),
            supply_class=OuterRef("supply_class"),
            publication__day=OuterRef("publication__day"),
            publication__layer=OuterRef("publication__layer"),
            publication__slot=OuterRef("publication__slot"),
            publication__revision__gt=OuterRef("publication__revision"),
        ).order_by("-publication__revision")
        return self.annotate(
            later_revision=Subquery(later.values("publication__revision")[:1]),
            later_at=Subquery(later.values("publication__published_at")[:1]),
        )

    def changed_since_read(self) -> "PublishedFileQuerySet":
        """Files that were collected before a later revision of their day came."""
        found = self.with_later().filter(first_collected_at__isnull=False)
        return found.filter(later_at__gt=F("first_collected_at"))  # type: ignore[misc]


class PublishedFile(models.Model):
    """One file of a publication for one retailer, area and class of supply; numbered without gaps per recipient."""

    class Format(models.TextChoices):
        BP_ZIP = "bp_zip", _("BP XML (zip)")
        WIDE_CSV = "wide_csv", _("wide CSV (gzip)")
        MANIFEST = "manifest", _("manifest (JSON)")
        WITHDRAWAL = "withdrawal", _("withdrawal (CSV)")
        CATEGORY = "category", _("other category (CSV)")

    publication = models.ForeignKey(Publication, models.PROTECT, related_name="files", verbose_name=_("publication"))
    recipient = models.ForeignKey(Company, models.PROTECT, related_name="published_files", verbose_name=_("recipient"))
    number = models.BigIntegerField(_("delivery number"))
    area = models.CharField(_("area"), max_length=2, choices=Area)
    supply_class = models.CharField(_("class of supply"), max_length=3, choices=SupplyClass)
    format = models.CharField(_("format"), max_length=10, choices=Format)
    name = models.CharField(_("file name"), max_length=120)
    content = models.FileField(upload_to="usage/out", max_length=200)
    rows = models.BigIntegerField(_("rows"))
    readings = models.BigIntegerField(_("readings"))
    size = models.BigIntegerField(_("size (bytes)"))
    sha256 = models.CharField(max_length=64)
    first_collected_at = models.DateTimeField(_("first collected at"), null=True)
    acknowledged_at = models.DateTimeField(_("arrival acknowledged at"), null=True)
    removed_at = models.DateTimeField(_("removed at"), null=True)

    objects = PublishedFileQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("published file"), _("published files")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["recipient"],
                condition=Q(first_collected_at__isnull=True),
                name="published_files_not_collected",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "number"], name="a_delivery_number_is_used_once_per_recipient"
            ),
            models.UniqueConstraint(
                fields=["recipient", "area", "name"],
                name="a_published_file_name_is_used_once_per_recipient_and_area",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at__isnull=True) | Q(first_collected_at__isnull=False),
                name="an_acknowledged_file_was_collected",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DeliveryCounter(models.Model):
    """How many usage files were published to a company: locked while a publication numbers its files."""

    recipient = models.OneToOneField(
        Company, models.PROTECT, related_name="+", primary_key=True, verbose_name=_("recipient")
    )
    files_published = models.BigIntegerField(_("files published"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("delivery counter"), _("delivery counters")

    def __str__(self) -> str:
        return f"{self.recipient_id} {self.files_published}"
