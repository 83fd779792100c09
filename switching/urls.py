"""The room's addresses (domain notes, switching §12)."""

from django.urls import path, register_converter

from switching.converters import (
    ApplicationKind,
    ApplicationNumber,
    Id,
    QueueNumber,
    RelayNumber,
    SupplyClassCode,
    UndoNumber,
)
from switching.views import (
    applications,
    as_of,
    disclosures,
    escalations,
    filings,
    identity,
    kinds,
    market_exits,
    policies,
    queue,
    relays,
    statistics,
    threads,
    undoing,
    uploads,
)

register_converter(RelayNumber, "relay_number")
register_converter(ApplicationNumber, "application_number")
register_converter(QueueNumber, "queue_number")
register_converter(ApplicationKind, "application_kind")
register_converter(SupplyClassCode, "supply_class")
register_converter(UndoNumber, "undo_number")
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
    path("uploads/", uploads.listing, name="uploads"),
    path("uploads/new/judgements/work-list.<slug:format>", uploads.work_list, name="upload-work-list"),
    path("uploads/new/<slug:content>/", uploads.new, name="upload-new"),
    path("uploads/new/<slug:content>/template.<slug:format>", uploads.template, name="upload-template"),
    path("uploads/<case_id:pk>/", uploads.page, name="upload"),
    path("uploads/<case_id:pk>/confirmation/", uploads.confirmation, name="upload-confirm"),
    path("uploads/<case_id:pk>/discarding/", uploads.discard, name="upload-discard"),
    path("uploads/<case_id:pk>/recall/", uploads.recall, name="upload-recall"),
    path("uploads/<case_id:pk>/wrong-rows/", uploads.wrong_rows, name="upload-wrong-rows"),
    path("identity-check/", identity.rules, name="identity-rules"),
    path("statistics/", statistics.page, name="statistics"),
    path("statistics/counts.csv", statistics.counts_csv, name="statistics-counts"),
    path("statistics/answers.csv", statistics.answers_csv, name="statistics-answers"),
    path("statistics/open-data.json", statistics.open_data, name="statistics-data"),
    path("statistics/audience/", statistics.audience, name="statistics-audience"),
    path("statistics/counting/", statistics.counting, name="statistics-counting"),
    path("relays/<relay_number:number>/cooling-off/", undoing.cooling_off_new, name="cooling-off-new"),
    path("relays/<relay_number:number>/reversal/", undoing.reversal_new, name="reversal-new"),
    path("relays/<relay_number:number>/denial/", undoing.denial_new, name="denial-new"),
    path("undoing/", undoing.listing, name="undoing"),
    path("undoing/denials/", undoing.denials, name="denials"),
    path("undoing/<undo_number:number>/", undoing.page, name="undo-case"),
    path("undoing/<undo_number:number>/answer/", undoing.answer, name="undo-answer"),
    path("undoing/<undo_number:number>/evidence/", undoing.evidence, name="undo-evidence"),
    path("undoing/<undo_number:number>/decision/", undoing.decision, name="undo-decision"),
    path("undoing/<undo_number:number>/withdrawal/", undoing.withdrawal, name="undo-withdrawal"),
    path("undoing/<undo_number:number>/appeal/", undoing.appeal, name="undo-appeal"),
    path("undoing/<undo_number:number>/contract/", undoing.contract, name="undo-contract"),
    path("undoing/<undo_number:number>/last-resort/", undoing.last_resort, name="undo-last-resort"),
    path("market-exits/new/", market_exits.new, name="exit-new"),
    path("market-exits/<undo_number:number>/points/", market_exits.remaining, name="exit-points"),
    path("market-exits/<undo_number:number>/withdrawal/", market_exits.withdrawal, name="exit-withdrawal"),
]
