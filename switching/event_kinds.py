"""What this room's notices are as events, where they tell of something that is no move of a case."""

from portal.event_kinds import Told
from portal.models import Cause, Topic

RELAYS, APPLICATIONS, UNDOING = Topic.RELAYS, Topic.APPLICATIONS, Topic.UNDOING

KINDS = {
    # No move: a reminder, a question between the two sides, a request, work at a meter, a file.
    "application_asked": Told(APPLICATIONS, "application.ask_stop", Cause.COUNTERPART_DEED),
    "application_kept": Told(APPLICATIONS, "application.refuse_stop", Cause.NETWORK_DEED),
    "supply_day_moved": Told(APPLICATIONS, "application.day_moved", Cause.NETWORK_DEED),
    "application_work": Told(APPLICATIONS, "application.work_done", Cause.NETWORK_DEED),
    "point_work": Told(Topic.POINTS, "point.work_done", Cause.NETWORK_DEED),
    "relay_answered": Told(RELAYS, "relay.answer_question", Cause.COUNTERPART_DEED),
    "relay_asked": Told(RELAYS, "relay.ask_question", Cause.COUNTERPART_DEED),
    "relay_filing": Told(RELAYS, "relay.filing_owed", Cause.COUNTERPART_DEED),
    "relay_reminder": Told(RELAYS, "relay.remind", Cause.DEADLINE_NEAR),
    "relay_unfiled": Told(RELAYS, "relay.filing_overdue", Cause.SILENCE),
    "start_missing": Told(RELAYS, "relay.start_missing", Cause.DEADLINE_NEAR),
    "start_missing_here": Told(APPLICATIONS, "application.start_missing", Cause.DEADLINE_NEAR),
    "queue_refused": Told(Topic.FILES, "queue.refuse", Cause.CHECKED),
    "upload_checked": Told(Topic.FILES, "upload.check", Cause.CHECKED, "file"),
    "upload_done": Told(Topic.FILES, "upload.carry_out", Cause.OWN_DEED, "file"),
    "upload_recalled": Told(Topic.FILES, "upload.recall", Cause.OWN_DEED, "file"),
    # To somebody who is no party of the case, the hub operator above all: the move's own event goes to the parties.
    "application_accepted": Told(APPLICATIONS, "application.accept", Cause.NETWORK_DEED),
    "application_cancelled": Told(APPLICATIONS, "application.cancel", Cause.COUNTERPART_DEED),
    "application_completed": Told(APPLICATIONS, "application.complete", Cause.NETWORK_DEED),
    "application_corrected": Told(APPLICATIONS, "application.correct", Cause.COUNTERPART_DEED),
    "application_effective": Told(APPLICATIONS, "application.take_effect", Cause.DAY_REACHED),
    "application_filed": Told(APPLICATIONS, "application.file", Cause.COUNTERPART_DEED),
    "application_matched": Told(APPLICATIONS, "application.match", Cause.PAIR_FOUND),
    "application_rejected": Told(APPLICATIONS, "application.reject", Cause.NETWORK_DEED),
    "application_scheduled": Told(APPLICATIONS, "application.schedule", Cause.NETWORK_DEED),
    "application_stopped": Told(APPLICATIONS, "application.stop", Cause.NETWORK_DEED),
    "application_submitted": Told(APPLICATIONS, "application.submit", Cause.COUNTERPART_DEED),
    "application_superseded": Told(APPLICATIONS, "application.give_way", Cause.PRECEDENCE),
    "application_unmatched": Told(APPLICATIONS, "application.fail", Cause.CUT_OFF),
    "relay_accepted": Told(RELAYS, "relay.accept", Cause.COUNTERPART_DEED),
    "relay_expired": Told(RELAYS, "relay.expire", Cause.SILENCE),
    "relay_failed": Told(RELAYS, "relay.fail", Cause.CUT_OFF),
    "relay_registered": Told(RELAYS, "relay.register", Cause.COUNTERPART_DEED),
    "relay_rejected": Told(RELAYS, "relay.reject", Cause.COUNTERPART_DEED),
    "relay_withdrawn": Told(RELAYS, "relay.withdraw", Cause.COUNTERPART_DEED),
    "supply_ended": Told(APPLICATIONS, "application.take_effect", Cause.DAY_REACHED),
    "supply_started": Told(APPLICATIONS, "application.take_effect", Cause.DAY_REACHED),
    "exit_announced": Told(UNDOING, "undoing.open", Cause.HUB_DEED),
    "exit_called_off": Told(UNDOING, "undoing.withdraw", Cause.HUB_DEED),
    "exit_done": Told(UNDOING, "undoing.carry_out", Cause.DAY_REACHED),
    "undoing_asked": Told(UNDOING, "undoing.open", Cause.COUNTERPART_DEED),
    "undoing_done": Told(UNDOING, "undoing.carry_out", Cause.DAY_REACHED),
    "undoing_escalated": Told(UNDOING, "undoing.escalate", Cause.SILENCE),
    "undoing_going": Told(UNDOING, "undoing.decide", Cause.HUB_DEED),
    "undoing_kept": Told(UNDOING, "undoing.keep", Cause.COUNTERPART_DEED),
    "undoing_offered": Told(UNDOING, "undoing.end", Cause.COUNTERPART_DEED),
    "undoing_refused": Told(UNDOING, "undoing.refuse", Cause.COUNTERPART_DEED),
    "undoing_withdrawn": Told(UNDOING, "undoing.withdraw", Cause.COUNTERPART_DEED),
}
