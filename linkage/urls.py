"""Addresses of the linkage test: of the lobby, and of the market a host name means."""

from django.urls import path

from linkage.views import home, partners, programs, qualification

app_name = "linkage"
urlpatterns = [
    path("", home.home, name="home"),
    path("markets/", home.opened, name="open"),
    path("tests/", home.booked, name="book"),
    path("markets/<slug:name>/reset/", home.reset, name="reset"),
    path("travel/", home.travelled, name="travel"),
    path("programs/", programs.registered, name="program"),
    path("partners/", partners.partners, name="partners"),
    path("partners/<int:pk>/forget/", partners.forgotten, name="script-forget"),
    path("partners/relay/", partners.ordered, name="order"),
    path("customers/", partners.customers, name="customers"),
    path("qualification/", qualification.progress, name="qualification"),
    path("qualification/<str:role>/", qualification.handed_over, name="hand-over"),
    path("qualifications/", qualification.qualifications, name="qualifications"),
    path("qualifications/<int:pk>/", qualification.evidence, name="evidence"),
]
