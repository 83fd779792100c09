"""The market's own words: areas, classes of supply, what a company can be. No table stands behind them."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Area(TextChoices):
    """Supply area 供給区域, digits 1-2 of a supply point number (domain notes, switching §2)."""

    HOKKAIDO = "01", _("Hokkaido")
    TOHOKU = "02", _("Tohoku")
    TOKYO = "03", _("Tokyo")
    CHUBU = "04", _("Chubu")
    HOKURIKU = "05", _("Hokuriku")
    KANSAI = "06", _("Kansai")
    CHUGOKU = "07", _("Chugoku")
    SHIKOKU = "08", _("Shikoku")
    KYUSHU = "09", _("Kyushu")
    OKINAWA = "10", _("Okinawa")


class SupplyClass(TextChoices):
    """What screens and forms must never confuse: low voltage, high voltage under 500 kW, low-voltage feed-in."""

    LV = "LV", _("Low voltage")
    HV = "HV", _("High voltage")
    FIT = "FIT", _("Feed-in")


class MarketRole(TextChoices):
    """What a company does in an area; one company may be several of these in several areas."""

    RETAILER = "retailer", _("Retailer")
    NETWORK_OPERATOR = "network_operator", _("Network operator")
