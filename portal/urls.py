"""The ground floor's addresses."""

from django.urls import path

from portal.views import accounts, evidence, health, home, registry, sign_in

app_name = "portal"
urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-in/code/", sign_in.code, name="code"),
    path("sign-in/second-factor/", sign_in.second_factor, name="second-factor"),
    path("sign-in/second-factor/qr.svg", sign_in.qr, name="qr"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("language/", sign_in.language, name="language"),
    path("participants/", registry.participants, name="participants"),
    path("notices/", registry.notices, name="notices"),
    path("me/", registry.me, name="me"),
    path("me/password/", registry.password, name="password"),
    path("people/", accounts.accounts, name="people"),
    path("people/<str:username>/suspension/", accounts.suspension, name="suspension"),
    path("people/<str:username>/thaw/", accounts.thaw, name="thaw"),
    path("evidence/", evidence.evidence, name="evidence"),
    path("evidence/public-key.txt", evidence.public_key, name="public-key"),
    path("healthz", health.healthz, name="healthz"),
]
