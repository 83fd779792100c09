"""The ground floor's addresses."""

from django.urls import path

from portal.views import evidence, health, home, me, onboarding, people, registry, sign_in, sign_in_help
from portal.views import ledger as ledger_views

app_name = "portal"
urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-in/code/", sign_in.code, name="code"),
    path("sign-in/second-factor/", sign_in.second_factor, name="second-factor"),
    path("sign-in/second-factor/qr.svg", sign_in.qr, name="qr"),
    path("sign-in/again/", sign_in.proof, name="proof"),
    path("sign-in/help/", sign_in_help.sign_in_help, name="sign-in-help"),
    path("invitation/<str:uid>/<str:token>/", sign_in.invitation, name="invitation"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("language/", sign_in.language, name="language"),
    path("participants/", registry.participants, name="participants"),
    path("notices/", registry.notices, name="notices"),
    path("me/", registry.me, name="me"),
    path("me/password/", registry.password, name="password"),
    path("me/sign-ins/", me.sign_ins, name="sign-ins"),
    path("me/recovery-codes/", me.recovery_codes, name="recovery-codes"),
    path("people/", people.accounts, name="people"),
    path("people-invitation/", people.invitation_new, name="invitation-new"),
    path("people/<str:username>/", people.account, name="person"),
    path("people/<str:username>/name/", people.change, name="person-change"),
    path("people/<str:username>/roles/", people.roles, name="person-roles"),
    path("people/<str:username>/suspension/", people.suspension, name="suspension"),
    path("people/<str:username>/thaw/", people.thaw, name="thaw"),
    path("people/<str:username>/second-factor/", people.second_factor_reset, name="second-factor-reset"),
    path("people/<str:username>/password-link/", people.password_link, name="password-link"),
    path("people/<str:username>/departure/", people.departure, name="departure"),
    path("evidence/", evidence.evidence, name="evidence"),
    path("evidence/public-key.txt", evidence.public_key, name="public-key"),
    path("use-applications/", onboarding.start, name="use-application-start"),
    path("use-applications/sent/", onboarding.sent, name="use-application-sent"),
    path("use-applications/users.csv", onboarding.sample, name="use-application-sample"),
    path("use-applications/joint-use/<slug:edition>/", onboarding.statement, name="use-application-statement"),
    path("use-applications/begin/<str:token>/", onboarding.begin, name="use-application-begin"),
    path("use-applications/<uuid:key>/", onboarding.application, name="use-application"),
    path("use-applications/<uuid:key>/company/", onboarding.company, name="use-application-company"),
    path("use-applications/<uuid:key>/wanted/", onboarding.wanted, name="use-application-wanted"),
    path(
        "use-applications/<uuid:key>/administrators/",
        onboarding.administrators,
        name="use-application-administrators",
    ),
    path("use-applications/<uuid:key>/users/", onboarding.users, name="use-application-users"),
    path("use-applications/<uuid:key>/certificates/", onboarding.certificates, name="use-application-certificates"),
    path("use-applications/<uuid:key>/filing/", onboarding.filing, name="use-application-filing"),
    path("use-applications/<uuid:key>/withdrawal/", onboarding.withdrawal, name="use-application-withdrawal"),
    path("healthz", health.healthz, name="healthz"),
    path("ledger/", ledger_views.ledger_page, name="ledger"),
]
