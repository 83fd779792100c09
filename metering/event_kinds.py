"""What this room's notices are as events."""

from portal.event_kinds import Told
from portal.models import Cause, Topic

KINDS = {
    "fixed_published": Told(Topic.USAGE, "fixed.publish", Cause.SCHEDULE),
    "access_code_issued": Told(Topic.INQUIRIES, "access_code.issue", Cause.SCHEDULE),
    "access_code_refused": Told(Topic.INQUIRIES, "access_code.refuse", Cause.CHECKED),
    "inquiry_alarm": Told(Topic.INQUIRIES, "inquiry_alarm.raise", Cause.LIMIT, "inquiry alarm"),
    "inquiry_lifted": Told(Topic.INQUIRIES, "inquiry_lock.lift", Cause.HUB_DEED, "inquiry lock"),
    "inquiry_locked": Told(Topic.INQUIRIES, "inquiry_lock.set", Cause.SILENCE, "inquiry lock"),
    "usage_published": Told(Topic.USAGE, "usage.publish", Cause.SCHEDULE),
    "usage_refused": Told(Topic.USAGE, "usage_file.refuse", Cause.CHECKED, "usage file"),
    "usage_unreadable": Told(Topic.USAGE, "usage_file.unreadable", Cause.CHECKED, "usage file"),
    "usage_withdrawn": Told(Topic.USAGE, "usage.withdraw", Cause.SCHEDULE),
}
