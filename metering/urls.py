"""Addresses of the metering room."""

from django.urls import path

import portal.converters  # noqa: F401
from metering.views import (
    access_corrections,
    access_log,
    access_requests,
    alarms,
    categories,
    check_rules,
    completeness,
    estimates,
    findings,
    inquiries,
    legacy_collection,
    past_usage,
    points,
    published_files,
    retention,
    statements,
    usage_files,
)

app_name = "metering"

POINTS = [
    path("supply-points/", points.points, name="points"),
    path("supply-points/<point_number:number>/", points.point, name="point"),
    path("facility-inquiries/", inquiries.inquiries, name="inquiries"),
    path("facility-inquiries/new/", inquiries.choose_class, name="inquiry-new"),
    path("facility-inquiries/new/<str:supply_class>/", inquiries.ask, name="inquiry-ask"),
    path("facility-inquiries/new/<str:supply_class>/candidate/", inquiries.ask_candidate, name="inquiry-candidate"),
    path("facility-inquiries/<int:pk>/", inquiries.inquiry, name="inquiry"),
]

USAGE = [
    path("usage-files/", usage_files.usage_files, name="usage-files"),
    path("usage-files/<int:pk>/", usage_files.usage_file, name="usage-file"),
    path("usage-files/<int:pk>/refused.csv", usage_files.refused_rows, name="refused-rows"),
    path("usage-files/<int:pk>/settle/", usage_files.settle, name="usage-file-settle"),
    path("published-files/", published_files.published_files, name="published-files"),
    path("published-files/files.zip", published_files.as_zip, name="published-files-zip"),
    path("published-files/again/", published_files.again, name="published-files-again"),
    path("usage-categories/<slug:slug>/", categories.category_list, name="usage-category"),
    path("usage-statements/", statements.statements, name="statements"),
    path("usage-statements/<day:day>/", statements.statement, name="statement"),
    path("usage-statements/<day:day>.json", statements.statement_json, name="statement-json"),
    path("published-files/<int:pk>/", published_files.published_file, name="published-file"),
    path("published-files/<int:pk>/download/", published_files.download, name="published-file-download"),
]

CHECKS = [
    path("usage-checks/", check_rules.page, name="check-rules"),
    path("usage-findings/", findings.findings, name="findings"),
    path("usage-estimates/", estimates.estimate_list, name="estimates"),
    path("usage-estimates/<int:pk>/", estimates.estimate, name="estimate"),
    path("usage-estimates/new/<point_number:number>/<day:first>/<day:last>/", estimates.propose, name="estimate-new"),
]

COLLECTION = [
    path("collection/<str:area>/FileListReceiver", legacy_collection.file_list, name="legacy-file-list"),
    path("collection/<str:area>/FileReceiver", legacy_collection.file_by_name, name="legacy-file"),
]

COMPLETENESS = [
    path("usage-retention/", retention.months, name="retention"),
    path("usage-completeness/", completeness.board, name="completeness"),
    path("usage-completeness/<day:day>/months/", completeness.months_missing, name="months-missing"),
    path("usage-gaps/", completeness.gap_list, name="gaps"),
    path("usage-gaps/<int:pk>/", completeness.gap, name="gap"),
    path("usage-gaps/<int:pk>/follow-up/", completeness.gap_follow_up, name="gap-follow-up"),
    path("usage-gaps/<int:pk>/giving-up/", completeness.gap_give_up, name="gap-give-up"),
]

GOVERNANCE = [
    path("inquiry-alarms/", alarms.alarms, name="alarms"),
    path("inquiry-alarms/<int:pk>/", alarms.alarm, name="alarm"),
    path("inquiry-alarms/<int:pk>/explanation/", alarms.explanation, name="alarm-explanation"),
    path("inquiry-alarms/<int:pk>/lifting/", alarms.lifting, name="alarm-lifting"),
    path("supply-points/access-log/", access_log.choice, name="access-log-choice"),
    path("supply-points/<point_number:number>/access-log/", access_log.access_log, name="access-log"),
]

PAST_USAGE = [
    path("usage-inquiries/", access_requests.requests, name="access-requests"),
    path("usage-inquiries/new/", access_requests.ask, name="access-request-new"),
    path("usage-inquiries/<int:pk>/", access_requests.request_page, name="access-request"),
    path("usage-inquiries/<int:pk>/cancel/", access_requests.cancel, name="access-request-cancel"),
    path("usage-inquiries/<int:pk>/correction/", access_corrections.correct, name="access-request-correction"),
    path("usage-inquiries/<int:pk>/consent/", access_requests.evidence, name="access-request-evidence"),
    path("usage-inquiries/code/", past_usage.enter, name="usage-inquiry-new"),
    path("usage-inquiries/usage/<int:pk>/", past_usage.usage, name="usage-inquiry"),
    path("usage-inquiries/usage/<int:pk>.csv", past_usage.as_csv, name="usage-inquiry-csv"),
]

urlpatterns = [*POINTS, *USAGE, *CHECKS, *COLLECTION, *COMPLETENESS, *GOVERNANCE, *PAST_USAGE]
