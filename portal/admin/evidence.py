"""What is only looked at: the ledger, notices and letters with their mails, the runs of jobs."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal import outbox
from portal.admin.base import ReadOnly
from portal.models import Delivery, JobRun, LedgerEntry, Letter, Notice


@admin.register(LedgerEntry)
class LedgerAdmin(ReadOnly):
    list_display = ["id", "at", "company", "user", "action", "subject", "purpose"]
    list_filter = ["action", "company"]
    search_fields = ["subject", "action", "user__username"]
    list_select_related = ["company", "user"]
    date_hierarchy = "at"


@admin.register(Notice)
class NoticeAdmin(ReadOnly):
    list_display = ["posted_at", "recipient", "number", "kind", "subject"]
    list_filter = ["kind", "recipient"]
    search_fields = ["subject"]
    list_select_related = ["recipient"]
    date_hierarchy = "posted_at"


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ["notice", "address", "state", "attempts", "next_attempt_at", "sent_at", "last_error"]
    list_filter = ["state"]
    search_fields = ["address", "notice__subject"]
    list_select_related = ["notice"]
    actions = ["send_again"]

    @admin.action(description=_("Send the given-up ones again"), permissions=["resend"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        count = outbox.send_again(queryset.values_list("pk", flat=True), now=timezone.now())
        messages.success(
            request,
            ngettext("%(count)s mail is in the queue again.", "%(count)s mails are in the queue again.", count)
            % {"count": count},
        )

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("portal.change_delivery")


@admin.register(JobRun)
class JobRunAdmin(ReadOnly):
    list_display = ["job", "key", "started_at", "finished_at", "counts"]
    list_filter = ["job"]


@admin.register(Letter)
class LetterAdmin(ReadOnly):
    list_display = ["written_at", "kind", "address", "state", "attempts", "next_attempt_at", "sent_at", "last_error"]
    list_filter = ["state", "kind"]
    search_fields = ["address"]
    fields = ["kind", "address", "state", "attempts", "next_attempt_at", "sent_at", "last_error"]
