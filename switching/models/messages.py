"""What the two retailers ask and answer one another while a relay waits for its judgement."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.models import Company, User, append_only
from switching.models.relays import Relay


class RelayMessage(models.Model):
    """One message of a relay's thread: something from the closed list, with a few words where they are safe."""

    class Topic(models.TextChoices):
        # What the losing retailer asks.
        ASK_NUMBER = "ask_number", _("Please compare the contract number with the bill once more.")
        ASK_NAME = "ask_name", _("Please compare the holder's name with the bill: legal form, old characters, order.")
        ASK_KANA = "ask_kana", _("Please ask the customer how the holder's name is read.")
        ASK_ADDRESS = "ask_address", _("Please compare the address with the bill: block, building and room.")
        ASK_HOLDER = "ask_holder", _("Has the holder changed lately, by moving, inheritance or a new company name?")
        ASK_WILL = "ask_will", _("How and when did the customer ask for the switch?")
        ASK_DATE = "ask_date", _("Can the customer do with another date?")
        ASK_OTHER = "ask_other", _("Another question")
        # What the gaining retailer answers.
        CONFIRMED = "confirmed", _("Compared with the bill: it stands as we sent it.")
        RENEWED = "renewed", _("It was wrong: we withdraw this relay and register a new one.")
        HOLDER_CHANGED = "holder_changed", _("The holder has changed; the bill still names the former one.")
        HOLDER_SAME = "holder_same", _("The holder has not changed.")
        WILL_PERSON = "will_person", _("The customer asked in person; the consent is kept.")
        WILL_TELEPHONE = "will_telephone", _("The customer asked by telephone; the recording is kept.")
        WILL_WEB = "will_web", _("The customer asked on the web; the record is kept.")
        DATE_KEPT = "date_kept", _("The customer keeps to the desired date.")
        ASKING = "asking", _("We are asking the customer and answer before the judgement is due.")

    relay = models.ForeignKey(Relay, models.PROTECT, related_name="messages", verbose_name=_("relay"))
    company = models.ForeignKey(Company, models.PROTECT, related_name="+", verbose_name=_("company"))
    topic = models.CharField(_("statement"), max_length=14, choices=Topic)
    text = models.CharField(_("in a few words"), max_length=120, blank=True)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("by"))

    class Meta:
        verbose_name, verbose_name_plural = _("message on a relay"), _("messages on relays")
        ordering = ["id"]
        indexes = [models.Index(fields=["relay", "-id"], name="messages_of_a_relay")]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.relay} {self.topic}"
