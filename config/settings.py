"""One settings file; KIRIKAE_ENV (demo, test, linkage_test, production) and a few variables choose.

Every business default of the domain notes that is not a fact but a choice stands at the end, under "Rules".
"""

import json
import os
from datetime import timedelta
from pathlib import Path

import dj_database_url
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from django.utils.translation import gettext_lazy as _
from kombu import Queue

from config import logs

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ.get("KIRIKAE_ENV", "production")
if ENVIRONMENT not in {"demo", "test", "linkage_test", "production"}:
    raise ImproperlyConfigured(f"KIRIKAE_ENV is {ENVIRONMENT!r}; it must be demo, test, linkage_test or production.")
PRODUCTION = ENVIRONMENT == "production"
LINKAGE_TEST = ENVIRONMENT == "linkage_test"
ENVIRONMENT_OF_ROWS = "test" if LINKAGE_TEST else ENVIRONMENT  # as certificates and gates call where they hold
# Private markets of the linkage test: <market>.<domain>; every other name served is the lobby.
LINKAGE_DOMAIN = os.environ.get("KIRIKAE_LINKAGE_DOMAIN", "linkage.localhost")
DATA_DIR = Path(os.environ.get("KIRIKAE_DATA", BASE_DIR / ".kirikae"))


def required(name: str) -> str:
    """The variable's value; in production its absence is an error that says what to set."""
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. Production needs it; see docs/running.md.")
    return value


def demo_secret_key() -> str:
    """A key made once and kept beside the demo's data, so that a restart does not sign everybody out."""
    path = DATA_DIR / "secret_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(get_random_secret_key())
    return path.read_text()


def csv_variable(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


if PRODUCTION:
    SECRET_KEY = required("KIRIKAE_SECRET_KEY")
    ALLOWED_HOSTS = csv_variable("KIRIKAE_HOSTS") or [required("KIRIKAE_HOSTS")]
elif ENVIRONMENT == "test":
    SECRET_KEY = "test-only-" + "k" * 50
    ALLOWED_HOSTS = ["*"]
else:
    SECRET_KEY = os.environ.get("KIRIKAE_SECRET_KEY") or demo_secret_key()
    ALLOWED_HOSTS = csv_variable("KIRIKAE_HOSTS", "localhost,127.0.0.1,[::1]")
    if LINKAGE_TEST:
        ALLOWED_HOSTS += [f".{LINKAGE_DOMAIN}"]
CSRF_FAILURE_VIEW = "portal.views.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = csv_variable("KIRIKAE_TRUSTED_ORIGINS")
# How a mail names the portal's pages.
SITE_ADDRESS = os.environ.get(
    "KIRIKAE_ADDRESS", f"https://{ALLOWED_HOSTS[0].lstrip('.')}" if PRODUCTION else "http://localhost:8000"
)
# A linkage test on somebody's own machine: passwords and codes stand on the sign-in page, as in the demo.
OPEN_SANDBOX = LINKAGE_TEST and os.environ.get("KIRIKAE_OPEN_SANDBOX", "") == "1"
DEBUG = False

INSTALLED_APPS = [
    "portal",
    "metering",
    "switching",
    "config.admin_site.HubAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_otp_webauthn",
    "axes",
    "csp",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "pgtrigger",
]
if LINKAGE_TEST or ENVIRONMENT == "test":
    INSTALLED_APPS.insert(3, "linkage")

MIDDLEWARE = [
    "portal.request_metrics.Counted",
    "portal.tracing.Traced",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.headers.BrowserFeatures",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "portal.middleware.ClosedByDefault",
    "portal.certificate_gate.CertificateGate",
    "django.contrib.messages.middleware.MessageMiddleware",
    "portal.gatekeeper.Gatekeeper",
    "axes.middleware.AxesMiddleware",
]
if LINKAGE_TEST:
    MIDDLEWARE.insert(
        MIDDLEWARE.index("django.contrib.sessions.middleware.SessionMiddleware"), "linkage.middleware.PrivateMarkets"
    )

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.furniture",
            ],
            "builtins": ["portal.templatetags.words"],
        },
    }
]
CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "bootstrap5"

# --- Stores -------------------------------------------------------------------------------------------------------
DATABASES = {
    "default": dj_database_url.config(
        default="postgres:///kirikae",
        conn_max_age=int(os.environ.get("KIRIKAE_CONNECTION_SECONDS", "60" if PRODUCTION else "0")),
        conn_health_checks=True,
    )
}
REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
if LINKAGE_TEST:
    CACHES["default"]["KEY_FUNCTION"] = "portal.private_market.cache_key"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = Path(os.environ.get("KIRIKAE_FILES", DATA_DIR / "files"))
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Files lie in a directory that web and workers share, or in an S3-compatible bucket (portal.stores).
S3_BUCKET = os.environ.get("KIRIKAE_S3_BUCKET", "")
S3 = {
    "bucket_name": S3_BUCKET,
    "location": os.environ.get("KIRIKAE_S3_PREFIX", ""),
    "endpoint_url": os.environ.get("KIRIKAE_S3_ENDPOINT") or None,
    "region_name": os.environ.get("KIRIKAE_S3_REGION") or None,
    "access_key": os.environ.get("KIRIKAE_S3_KEY")
    or None,  # none: as the SDK finds it (role, profile, AWS_* variables)
    "secret_key": os.environ.get("KIRIKAE_S3_SECRET") or None,
    "addressing_style": os.environ.get("KIRIKAE_S3_ADDRESSING") or None,
    "file_overwrite": False,
    "default_acl": None,  # what the bucket says
    "querystring_auth": False,
    "max_memory_size": 8_000_000,  # larger ones are read by way of a temporary file
}
STORAGES = {
    "default": {"BACKEND": "portal.s3.Bucket", "OPTIONS": S3} if S3_BUCKET else {"BACKEND": "portal.stores.Directory"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
if LINKAGE_TEST:
    STORAGES["default"] = {"BACKEND": "portal.private_market.MarketStorage"}
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_ALLOW_ALL_ORIGINS = False
FILE_UPLOAD_PERMISSIONS = 0o640
# Looks for malware in what people hand in (portal.scanning); "" for none, "portal.clamd.scan" asks ClamAV's daemon.
UPLOAD_SCANNER = os.environ.get("KIRIKAE_UPLOAD_SCANNER", "")
CLAMD_ADDRESS = os.environ.get("KIRIKAE_CLAMD", "/run/clamav/clamd.ctl")
# One folder per network operator, named by its participant code; files put there are taken in like uploads.
USAGE_DROP_DIR = Path(os.environ.get("KIRIKAE_DROP", DATA_DIR / "drop"))
FILES_SURVIVE_POWER_CUT = PRODUCTION  # published files are forced to disk before the commit that shows them
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000

# --- People -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "portal.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if ENVIRONMENT == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "portal.passwords.NotADisguise"},
    {"NAME": "portal.passwords.NotOwnWords"},
]
LOGIN_URL = "portal:sign-in"
LOGIN_REDIRECT_URL = "portal:home"
OTP_TOTP_ISSUER = "Kirikae"
OTP_TOTP_SYNC = False  # a code used a step early must not shift the clock of the next sign-in
# Passkeys hold for the site's own address alone (portal.passkeys).
OTP_WEBAUTHN_RP_NAME = "Kirikae"
OTP_WEBAUTHN_RP_ID_CALLABLE = "portal.passkeys.domain"
OTP_WEBAUTHN_EXCEPTION_LOGGER_NAME = ""  # what is refused stands in the ledger; a stranger must not fill the log
AXES_FAILURE_LIMIT = 5
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_COOLOFF_TIME = None
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "portal.views.sign_in.frozen"
SESSION_IDLE_MINUTES = int(os.environ.get("KIRIKAE_IDLE_MINUTES", "60"))
SESSION_LONGEST_HOURS = int(os.environ.get("KIRIKAE_SESSION_HOURS", "10"))
STEP_UP_MINUTES = 5  # how long a second factor opens dangerous acts
SESSION_COOKIE_AGE = int(timedelta(hours=SESSION_LONGEST_HOURS).total_seconds())
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
PASSWORD_RESET_TIMEOUT = int(timedelta(days=7).total_seconds())  # of invitations

# --- Evidence -----------------------------------------------------------------------------------------------------
# Ed25519, signs the ledger's seals and proof packs. Outside production it is made when it is first needed.
HUB_KEY_FILE = Path(
    os.environ.get("KIRIKAE_HUB_KEY", DATA_DIR / ("test_hub_key.pem" if ENVIRONMENT == "test" else "hub_key.pem"))
)
HUB_FORMER_KEYS = csv_variable("KIRIKAE_HUB_FORMER_KEYS")  # public keys of seals made before the key was changed
# A company's production use is approved once its qualification in the linkage test is proven, or waived with a reason.
QUALIFICATION_NEEDED = os.environ.get("KIRIKAE_QUALIFICATION_NEEDED", "1" if PRODUCTION else "") == "1"
QUALIFICATION_VERSION = "1"  # of the API; a new version wants the qualification again
LINKAGE_KEYS = csv_variable("KIRIKAE_LINKAGE_KEYS")  # public keys with which the linkage test signs qualifications
# Client certificates: the built-in authority is for the demo and the linkage test. Where TLS ends decides whom the web
# processes believe: nobody's headers, those that come by nginx's Unix socket, or those with a secret nginx adds.
BUILT_IN_AUTHORITY = not PRODUCTION or os.environ.get("KIRIKAE_BUILT_IN_AUTHORITY", "") == "1"
AUTHORITY_DIR = Path(os.environ.get("KIRIKAE_AUTHORITY", DATA_DIR / "authority"))
CERTIFICATE_SOURCE = os.environ.get("KIRIKAE_CERTIFICATE_SOURCE", "")
if CERTIFICATE_SOURCE not in {"", "socket", "secret"}:
    raise ImproperlyConfigured(f"KIRIKAE_CERTIFICATE_SOURCE is {CERTIFICATE_SOURCE!r}; it must be socket or secret.")
CERTIFICATE_SECRET = required("KIRIKAE_CERTIFICATE_SECRET") if CERTIFICATE_SOURCE == "secret" else ""
if CERTIFICATE_SOURCE == "secret" and len(CERTIFICATE_SECRET) < 32:
    raise ImproperlyConfigured("KIRIKAE_CERTIFICATE_SECRET is too short; it needs 32 characters or more.")

# --- API ----------------------------------------------------------------------------------------------------------
# A client shows a certificate and a token. The demo on plain http has no certificates: there the token alone opens.
API_CERTIFICATE_REQUIRED = PRODUCTION or os.environ.get("KIRIKAE_API_CERTIFICATE", "") == "1"
API_TOKEN_MINUTES = 10
API_READS_PER_MINUTE = int(os.environ.get("KIRIKAE_API_READS", "1200"))  # per client
API_WRITES_PER_MINUTE = int(os.environ.get("KIRIKAE_API_WRITES", "600"))
API_TOKENS_PER_MINUTE = 60  # per address that asks for one, or reads what is public
API_KEYS_KEPT = timedelta(days=7)  # how long an Idempotency-Key is remembered
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["portal.api.authentication.ClientAuthentication"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsing.Json"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "portal.api.parsing.AlwaysJson",
    "DEFAULT_PAGINATION_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "portal.api.schema.Schema",
    "EXCEPTION_HANDLER": "portal.api.problems.answer",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Kirikae API",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["portal.api.schema.finish"],
    "SERVE_PUBLIC": True,
}

# --- Protection of pages ------------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
if PRODUCTION or (LINKAGE_TEST and SITE_ADDRESS.startswith("https://")):
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_REDIRECT_EXEMPT = [r"^(livez|readyz|healthz|metrics)$"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- Words and time -----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "ja"
LANGUAGES = [("ja", _("Japanese")), ("en", _("English"))]
USE_I18N = USE_TZ = True
TIME_ZONE = "Asia/Tokyo"
USE_THOUSAND_SEPARATOR = True
FILTERS_EMPTY_CHOICE_LABEL = _("(all)")  # of what a list can be narrowed to
FORMAT_MODULE_PATH = ["config.formats"]

# --- Mail ---------------------------------------------------------------------------------------------------------
CONTACT_ADDRESS = os.environ.get("KIRIKAE_CONTACT", "")  # shown to people without an account; "" for none
DEFAULT_FROM_EMAIL = os.environ.get("KIRIKAE_MAIL_FROM", "hub@kirikae.example")
if (ENVIRONMENT == "demo" or LINKAGE_TEST) and not os.environ.get("KIRIKAE_SMTP_HOST"):
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_HOST = os.environ.get("KIRIKAE_SMTP_HOST", "localhost")
EMAIL_PORT = int(os.environ.get("KIRIKAE_SMTP_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("KIRIKAE_SMTP_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("KIRIKAE_SMTP_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("KIRIKAE_SMTP_TLS", "") == "1"
EMAIL_TIMEOUT = 20

# --- Worker -------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = (
    "redis+socket://" + REDIS_URL.removeprefix("unix://").replace("?db=", "?virtual_host=")
    if REDIS_URL.startswith("unix://")
    else REDIS_URL
)
CELERY_RESULT_BACKEND = os.environ.get("KIRIKAE_RESULTS") or None  # only a rehearsal waits for results
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 5,
    "global_keyprefix": os.environ.get("KIRIKAE_QUEUE_PREFIX", ""),
}
CELERY_TASK_ACKS_LATE = CELERY_TASK_REJECT_ON_WORKER_LOST = CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_TASK_TIME_LIMIT, CELERY_TASK_SOFT_TIME_LIMIT = 3000, 2700
CELERY_TASK_DEFAULT_QUEUE = "cases"
CELERY_TASK_QUEUES = [Queue("cases"), Queue("usage"), Queue("outbox"), Queue("webhooks")]
CELERY_TASK_ROUTES = {
    "metering.tasks.*": {"queue": "usage"},
    "portal.tasks.send_webhooks": {"queue": "webhooks"},  # a receiver that hangs holds no mail up
    "portal.tasks.*": {"queue": "outbox"},
    "switching.tasks.*": {"queue": "cases"},
    "linkage.tasks.*": {"queue": "cases"},
}
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULE = {
    name: {"task": task, "schedule": schedule}
    for name, task, schedule in [
        ("send the outbox", "portal.tasks.send_outbox", timedelta(seconds=15)),
        ("send webhooks", "portal.tasks.send_webhooks", timedelta(seconds=15)),
        ("look at what is not delivered", "portal.tasks.look_at_delivery", timedelta(minutes=1)),
        ("make statements of events", "portal.tasks.make_statements", crontab(hour="0", minute="20")),
        ("drop old events", "portal.tasks.drop_old_events", crontab(hour="3", minute="40")),
        ("mail announcements that begin", "portal.tasks.mail_announcements", timedelta(minutes=1)),
        ("forget old keys of the API", "portal.tasks.forget_api_keys", timedelta(hours=1)),
        ("seal the ledger", "portal.tasks.seal_ledger", timedelta(seconds=5)),
        ("verify the ledger", "portal.tasks.verify_ledger", crontab(hour="4", minute="20")),
        ("sweep sign-ins that are over", "portal.tasks.sweep_sign_ins", timedelta(hours=1)),
        ("remind of certificates that end", "portal.tasks.remind_of_certificates", crontab(hour="8", minute="30")),
        ("publish revoked certificates", "portal.tasks.publish_certificate_lists", timedelta(hours=6)),
        ("match starts with terminations", "switching.tasks.match", timedelta(seconds=15)),
        ("expire relays without judgement", "switching.tasks.expire_relays", timedelta(minutes=1)),
        ("escalate terminations not filed", "switching.tasks.escalate_filings", timedelta(minutes=5)),
        ("escalate applications not answered", "switching.tasks.escalate_answers", timedelta(minutes=5)),
        ("remind of relays near their deadline", "switching.tasks.remind", timedelta(minutes=5)),
        ("close what was not matched", "switching.tasks.close_unmatched", timedelta(minutes=5)),
        ("register what waits over the quota", "switching.tasks.register_queued", crontab()),
        ("carry out the undoing of switches", "switching.tasks.undo", timedelta(minutes=1)),
        ("hand over what is due", "switching.tasks.hand_over", timedelta(minutes=1)),
        ("carry out what is due", "switching.tasks.take_effect", timedelta(minutes=1)),
        ("work on files of many cases", "switching.tasks.work_on_uploads", timedelta(seconds=30)),
        ("count the statistics", "switching.tasks.count_statistics", timedelta(minutes=10)),
        ("take in dropped usage files", "metering.tasks.collect_dropped", timedelta(seconds=30)),
        ("take in waiting usage files", "metering.tasks.take_in_waiting", timedelta(seconds=30)),
        ("tell of locked inquiries", "metering.tasks.tell_of_locks", timedelta(minutes=5)),
        ("issue access codes", "metering.tasks.issue_access_codes", crontab(hour="7-19", minute="*/10")),
        ("look for inquiries without result", "metering.tasks.look_for_idle_inquiries", crontab(hour="6", minute="0")),
        ("check usage beside history", "metering.tasks.check_history", crontab()),
        ("publish yesterday's usage", "metering.tasks.publish_nightly", crontab(hour="5", minute="0")),
        ("keep usage by months", "metering.tasks.keep_months", crontab(hour="3", minute="30")),
        ("check the completeness of usage", "metering.tasks.check_completeness", timedelta(minutes=15)),
        ("publish half-hours", "metering.tasks.publish_half_hours", timedelta(minutes=1)),
        ("publish fixed usage", "metering.tasks.publish_fixed", timedelta(minutes=10)),
        ("publish other categories", "metering.tasks.publish_categories", timedelta(minutes=30)),
        ("drop old half-hours", "metering.tasks.drop_old_half_hours", crontab(hour="3", minute="30")),
        ("publish late usage", "metering.tasks.publish_late", timedelta(minutes=10)),
    ]
}
if LINKAGE_TEST:  # a market's own clock says when this work is due there: linkage.pump does it in this order
    MARKETS_WORK = CELERY_BEAT_SCHEDULE
    CELERY_BEAT_SCHEDULE = {name: work for name, work in MARKETS_WORK.items() if work["task"].startswith("portal.")}
    CELERY_BEAT_SCHEDULE["go on with the markets"] = {
        "task": "linkage.tasks.go_on_everywhere",
        "schedule": timedelta(seconds=5),
    }

# --- Logs ---------------------------------------------------------------------------------------------------------
LOG_FORMAT = os.environ.get("KIRIKAE_LOG", "json" if PRODUCTION else "lines")
if LOG_FORMAT not in {"json", "lines"}:
    raise ImproperlyConfigured(f"KIRIKAE_LOG is {LOG_FORMAT!r}; it must be json or lines.")
LOG_LEVEL = os.environ.get("KIRIKAE_LOG_LEVEL", "WARNING" if ENVIRONMENT == "test" else "INFO")
LOGGING = logs.settings(as_json=LOG_FORMAT == "json", level=LOG_LEVEL)
CELERY_WORKER_REDIRECT_STDOUTS = False
SILENCED_SYSTEM_CHECKS = [
    "axes.W006",  # a user id is frozen whatever the address or browser the guesses come from
    "otp_webauthn.E030",  # the origin of passkeys is SITE_ADDRESS; portal.passkeys looks whether it serves
]

# --- Monitoring ---------------------------------------------------------------------------------------------------
METRICS_TOKEN = os.environ.get("KIRIKAE_METRICS_TOKEN", "")  # "": nobody collects
if METRICS_TOKEN and len(METRICS_TOKEN) < 32:
    raise ImproperlyConfigured("KIRIKAE_METRICS_TOKEN is too short; it needs 32 characters or more.")
METRICS_NETWORKS = csv_variable("KIRIKAE_METRICS_NETWORKS")  # "": from anywhere, with the token
# Where the web processes of this host put their counts, so that each can tell of all; emptied before they start.
METRICS_DIR = os.environ.get("KIRIKAE_METRICS_DIR", "")
if METRICS_DIR:
    Path(METRICS_DIR).mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = METRICS_DIR  # read when the library is imported

# --- Events -------------------------------------------------------------------------------------------------------
EVENT_DAYS = int(os.environ.get("KIRIKAE_EVENT_DAYS", "100"))  # how long the feed can be read again
if EVENT_DAYS < 90:
    raise ImproperlyConfigured("KIRIKAE_EVENT_DAYS is less than 90; every company may read the feed of 90 days again.")
WEBHOOK_SECONDS = 10  # in which a receiver answers
WEBHOOK_PAUSE_AFTER = 10  # failures one after the other, about an hour and a half; its company is told
WEBHOOK_SECRET_OVERLAP = timedelta(days=7)  # in which a changed secret's former one signs too
WEBHOOK_LOG_DAYS = 30
WEBHOOK_CA_FILE = os.environ.get("KIRIKAE_WEBHOOK_CA", "")  # whose certificates receivers show; "" for the system's
# Further from the database's clock no worker works; in tests clocks are set at will.
CLOCKS_APART_AT_MOST = None if ENVIRONMENT == "test" else timedelta(minutes=5)
UNSENT_ALARM = timedelta(minutes=4)  # what waits longer is told by the next minute's look

# --- Rules: defaults of the domain notes that an operator may change ----------------------------------------------
# An application for use is due so many business days before its start: for 1 March 2016 by 19 February 2016.
USE_APPLICATION_BUSINESS_DAYS = {"production": 7, "connection_test": 5}
USE_APPLICATION_KINDS = ["production"] if PRODUCTION else ["production", "connection_test"]  # taken by this hub
USE_APPLICATION_LINK_AGE = timedelta(days=3)
USE_APPLICATION_MAILS_PER_ADDRESS, USE_APPLICATION_MAILS_PER_ORIGIN = 3, 20  # an hour
JUDGEMENT_BUSINESS_DAYS = 2
REMINDER_SHARES = (0.5, 0.8)  # of the time for a duty; at its end it expires or is escalated
TERMINATION_FILING_BUSINESS_DAYS = 1  # after the acceptance, where the losing retailer files by hand
NETWORK_ANSWER_BUSINESS_DAYS = 1  # after the submission, to the end of that day in Japan
MATCHING_CUT_OFF_BUSINESS_DAYS = 1
FURTHEST_AHEAD_DAYS = 180
METER_WORK_REPORT_DAYS = 92  # how late work at a meter may be reported done
ACTUAL_DAY_REPORT_DAYS = 92  # how far back the day on which supply changed may be reported to have been another
LEAD_BUSINESS_DAYS = {"LV": (1, 8), "FIT": (1, 8), "HV": (8, 20)}  # (without, with) meter work
LEAD_EXTRA_DAYS = 2
# An area's own, as JSON: {"10": {"LV": [2, 9]}}. What is not named there is as above.
AREA_LEAD_BUSINESS_DAYS: dict[str, dict[str, tuple[int, int]]] = json.loads(os.environ.get("KIRIKAE_AREA_LEADS", "{}"))
AREA_FURTHEST_AHEAD_DAYS: dict[str, int] = json.loads(os.environ.get("KIRIKAE_AREA_FURTHEST", "{}"))  # {"10": 90}
AREA_MATCHING_CUT_OFF_BUSINESS_DAYS: dict[str, int] = json.loads(os.environ.get("KIRIKAE_AREA_CUT_OFFS", "{}"))
IDENTITY_REJECTIONS_BEFORE_THROTTLE = 3  # of one company on one point
# Of one company over all points: so many rejections for identity in this span, and so large a share of its answers.
IDENTITY_REJECTIONS_SPAN, IDENTITY_REJECTIONS_PER_COMPANY, IDENTITY_REJECTIONS_SHARE = timedelta(days=7), 30, 0.3
RELAY_MESSAGES = 20  # in one relay's thread
ESCALATIONS_COUNTED_DAYS = 90
CONSENT_MAX_AGE_DAYS = 90
ACCESS_CODE_BUSINESS_DAYS = 1  # after the request
WRONG_ACCESS_CODES, WRONG_ACCESS_CODES_WITHIN = 3, timedelta(hours=1)  # per person; then no more are taken
USAGE_INQUIRY_MONTHS = 13
ATTACHMENT_MAX_BYTES = 10_000_000
BULK_FILE_MAX_BYTES = 30_000_000
BULK_EXCEL_MOST_BYTES = 300_000_000  # what an Excel file may unpack to
BULK_MOST_ROWS = 100_000
EVIDENCE_MAX_BYTES = 25_000_000  # a recorded call of half an hour
EVIDENCE_YEARS = 5  # after the end of the contract it led to
EVIDENCE_FILES = 10  # on one disclosure or relay
USAGE_FILE_MAX_BYTES = 2_000_000_000
USAGE_XML_MAX_BYTES = 12_000_000_000
USAGE_MONTHS_KEPT = 14  # the 13 months of a usage inquiry and the running one
PUBLISHED_POINTS_PER_FILE = 50_000
PUBLISHED_MONTHS_PER_FILE = 2_000  # points in a file of fixed months, each a month of half-hours
# Which items of W5 messages carry register readings, tag → kind; the public tables name none.
USAGE_READING_TAGS: dict[str, str] = json.loads(os.environ.get("KIRIKAE_READING_TAGS", "{}"))
FIXED_USAGE_BUSINESS_DAYS = 4  # the reading day is the first of them
USAGE_PRELIMINARY_DAYS = 40  # how long half-hours are kept as they trickled in; the day files hold what counts
# A day of so many rows or more is cut by area, voltage and retailer, and written by as many workers as are free.
PUBLICATION_CUT_FROM_ROWS, PUBLICATION_ROWS_PER_SLICE, PUBLICATION_HELPERS = 2_000_000, 4_000_000, 8
USAGE_COUNTED_DAYS = 62  # how far back the completeness of days is counted anew when something about them changes
USAGE_GAP_AFTER = timedelta(days=1)  # a day missing so long after its deadline is a gap to be followed up
USAGE_GAP_DAYS = 14  # how far back the check looks for days that went missing
USAGE_HOLD_ALARM = timedelta(minutes=30)  # a publication held up for longer is the hub operator's business
INQUIRIES_PER_PERSON_AND_DAY, INQUIRIES_PER_HOUR_ALARM = 300, 100  # where a company has no rules of its own
INQUIRY_RUN_ALARM = 8  # numbers asked one after the other
INQUIRY_FOLLOW_UP_DAYS, INQUIRIES_WITHOUT_RESULT_ALARM = 14, 20
INQUIRY_IDENTITY_SPAN, INQUIRY_IDENTITY_ALARM = timedelta(days=7), 5
INQUIRY_EXPLAIN_WITHIN = timedelta(hours=24)
LEDGER_WALK_ENTRIES = 20_000_000  # sealed entries walked along again in a night, beside all that is new
ACCESS_LOG_DELAY_DAYS = 14  # until a retailer learns that another one asked about its customer: no help for win-back
CERTIFICATE_DAYS = 730
CERTIFICATE_REMINDER_DAYS = (60, 30, 14, 7, 1)
# Undoing a switch: how long a side has for its answer, how long after a switch it can be undone.
COOLING_OFF_DAYS = 8  # counted from the day on which the customer received the contract papers as the first
COOLING_OFF_RETURN_DAYS = 1  # from the filing after the switch until the former retailer supplies again
STOP_ANSWER_BUSINESS_DAYS = 1
REVERSAL_DAYS, REVERSAL_ANSWER_BUSINESS_DAYS, UNDO_APPEAL_BUSINESS_DAYS = 90, 5, 5
FRAUD_EVIDENCE_BUSINESS_DAYS = 5
DARK_POINT_BUSINESS_DAYS = 1  # for the losing retailer to say that its contract ends
DARK_POINT_OFFER_DAYS = 5  # at least so long last-resort supply stands offered before the contract ends
MARKET_EXIT_CHUNK = 5000
