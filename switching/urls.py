"""The room's addresses (domain notes, switching §12)."""

from django.urls import path, register_converter

from switching.converters import (
    ApplicationKind,
    ApplicationNumber,
    Id,
    QueueNumber,
    RelayNumber,
    SupplyClassCode,
)
from switching.views import (
    applications,
    as_of,
    disclosures,
    escalations,
    filings,
    identity,
    kinds,
    policies,
    queue,
    relays,
    statistics,
    threads,
)

register_converter(RelayNumber, "relay_number")
register_converter(ApplicationNumber, "application_number")
register_converter(QueueNumber, "queue_number")
register_converter(ApplicationKind, "application_kind")
register_converter(SupplyClassCode, "supply_class")
register_converter(Id, "case_id")

app_name = "switching"
urlpatterns = [
    path("relays/", relays.listing, name="relays"),
    path("relays/new/", relays.new, name="relay-new"),
    path("relays/<relay_number:number>/", relays.page, name="relay"),
    path("relays/<relay_number:number>/judgement/", relays.judgement, name="judgement"),
    path("relays/<relay_number:number>/withdrawal/", relays.withdrawal, name="withdrawal"),
    path("relays/<relay_number:number>/messages/", threads.page, name="relay-messages"),
    path("relays/<relay_number:number>/termination/", filings.page, name="filing"),
    path("relay-rules/", policies.page, name="relay-rules"),
    path("escalations/", escalations.listing, name="escalations"),
    path("escalations/<case_id:pk>/", escalations.page, name="escalation"),
    path("disclosures/new/", disclosures.new, name="disclosure-new"),
    path("disclosures/<case_id:pk>/", disclosures.page, name="disclosure"),
    path("applications/", applications.listing, name="applications"),
    path("applications/new/switch-start/", applications.start_new, name="start-new"),
    path("applications/new/", kinds.choose, name="application-kinds"),
    path("applications/new/<application_kind:kind>/<supply_class:supply_class>/", kinds.new, name="application-new"),
    path("applications/<application_number:number>/", applications.page, name="application"),
    path("applications/<application_number:number>/cancellation/", applications.cancellation, name="cancellation"),
    path("applications/<application_number:number>/correction/", kinds.correction, name="correction"),
    path("applications/<application_number:number>/filing/", kinds.draft, name="draft"),
    path("applications/<application_number:number>/completion/", applications.completion, name="completion"),
    path("queue/", queue.listing, name="queue"),
    path("queue/<queue_number:number>/", queue.page, name="queued"),
    path("queue/<queue_number:number>/withdrawal/", queue.withdrawal, name="queue-withdrawal"),
    path("as-of/", as_of.page, name="as-of"),
    path("identity-check/", identity.rules, name="identity-rules"),
    path("statistics/", statistics.page, name="statistics"),
    path("statistics/counts.csv", statistics.counts_csv, name="statistics-counts"),
    path("statistics/answers.csv", statistics.answers_csv, name="statistics-answers"),
    path("statistics/open-data.json", statistics.open_data, name="statistics-data"),
    path("statistics/audience/", statistics.audience, name="statistics-audience"),
    path("statistics/counting/", statistics.counting, name="statistics-counting"),
]
