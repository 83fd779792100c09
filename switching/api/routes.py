"""The room's endpoints."""

from django.urls import path

import portal.converters  # noqa: F401
import switching.converters  # noqa: F401
from switching.api import (
    applications,
    catalogue,
    disclosures,
    evidence,
    meter_works,
    movements,
    network,
    relays,
    statistics,
    undoing,
)

__all__ = ["catalogue", "routes"]

RELAY, APPLICATION = "relays/<relay_number:number>", "applications/<application_number:number>"
UNDOING = "undoing/<undo_number:number>"
routes = [
    path("disclosures", disclosures.Disclosures.as_view(), name="disclosures"),
    path("disclosures/lists", disclosures.DisclosureLists.as_view(), name="disclosure-lists"),
    path("disclosures/<record_id:pk>", disclosures.OneDisclosure.as_view(), name="disclosure"),
    path("disclosures/<record_id:pk>/evidence", evidence.DisclosureEvidence.as_view(), name="disclosure-evidence"),
    path("relays", relays.Relays.as_view(), name="relays"),
    path(RELAY, relays.OneRelay.as_view(), name="relay"),
    path(f"{RELAY}/judgement", relays.Judgement.as_view(), name="judgement"),
    path(f"{RELAY}/withdrawal", relays.Withdrawal.as_view(), name="withdrawal"),
    path(f"{RELAY}/termination", relays.Termination.as_view(), name="termination"),
    path(f"{RELAY}/messages", relays.Messages.as_view(), name="messages"),
    path(f"{RELAY}/evidence", evidence.RelayEvidence.as_view(), name="relay-evidence"),
    path("evidence/<record_id:pk>", evidence.OneEvidence.as_view(), name="evidence"),
    path("evidence/<record_id:pk>/content", evidence.EvidenceContent.as_view(), name="evidence-content"),
    path("statistics", statistics.Statistics.as_view(), name="statistics"),
    path("applications", applications.Applications.as_view(), name="applications"),
    path(APPLICATION, applications.OneApplication.as_view(), name="application"),
    path(f"{APPLICATION}/cancellation", applications.Cancellation.as_view(), name="cancellation"),
    path(f"{APPLICATION}/filing", applications.Filing.as_view(), name="filing"),
    path(f"{APPLICATION}/completion", applications.Completion.as_view(), name="completion"),
    path(f"{APPLICATION}/answer", network.NetworkAnswers.as_view(), name="network-answer"),
    path(f"{APPLICATION}/actual-day", network.ActualDays.as_view(), name="actual-day"),
    path(f"{APPLICATION}/stop-request", network.StopRequest.as_view(), name="stop-request"),
    path(f"{APPLICATION}/stop-answer", network.StopAnswer.as_view(), name="stop-answer"),
    path(f"{APPLICATION}/meter-works", meter_works.WorkForApplication.as_view(), name="work-for-application"),
    path("network-work", network.NetworkWork.as_view(), name="network-work"),
    path("meter-works", meter_works.MeterWorks.as_view(), name="meter-works"),
    path("meter-works/<record_id:pk>", meter_works.OneMeterWork.as_view(), name="meter-work"),
    path("meter-works/<record_id:pk>/report", meter_works.WorkReport.as_view(), name="meter-work-report"),
    path("meter-works/<record_id:pk>/calling-off", meter_works.CallingOff.as_view(), name="meter-work-calling-off"),
    path("movements", movements.Movements.as_view(), name="movements"),
    path("movements/<record_id:pk>", movements.OneMovement.as_view(), name="movement"),
    path("movements/<record_id:pk>/withdrawal", movements.MovementWithdrawal.as_view(), name="movement-withdrawal"),
    path(f"{RELAY}/cooling-off", undoing.CoolingOff.as_view(), name="cooling-off"),
    path(f"{RELAY}/reversal", undoing.Reversal.as_view(), name="reversal"),
    path(f"{RELAY}/denial", undoing.Denial.as_view(), name="denial"),
    path("undoing", undoing.UndoCases.as_view(), name="undoing"),
    path(UNDOING, undoing.OneUndoCase.as_view(), name="undo-case"),
    path(f"{UNDOING}/answer", undoing.UndoAnswer.as_view(), name="undo-answer"),
    path(f"{UNDOING}/evidence", undoing.UndoEvidence.as_view(), name="undo-evidence"),
    path(f"{UNDOING}/withdrawal", undoing.UndoWithdrawal.as_view(), name="undo-withdrawal"),
    path(f"{UNDOING}/appeal", undoing.UndoAppeal.as_view(), name="undo-appeal"),
    path(f"{UNDOING}/contract", undoing.UndoContract.as_view(), name="undo-contract"),
    path(f"{UNDOING}/last-resort", undoing.LastResort.as_view(), name="undo-last-resort"),
    path("market-exits/<undo_number:number>/points", undoing.ExitPoints.as_view(), name="exit-points"),
]
