"""What each variable of the environment and each rule means: the words of the settings' reference."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """What a variable means, its unit, and its default in words where the code's is an expression."""

    words: str
    unit: str = ""
    default: str = ""


M = Meaning
MEANINGS: dict[str, Meaning] = {
    # The site
    "KIRIKAE_ENV": M("which environment this is: `production`, `demo`, `linkage_test` or `test`", default="`production`; `manage.py` sets `demo`"),
    "KIRIKAE_SECRET_KEY": M("key of sessions, tokens and sealed secrets; change it and everybody is signed out and webhooks' secrets are lost", "50 characters or more", "none: production must give it; else made once"),
    "KIRIKAE_HOSTS": M("host names served", "names, by comma", "none: production must give it; else `localhost`"),
    "KIRIKAE_TRUSTED_ORIGINS": M("origins trusted for forms behind a proxy", "addresses, by comma"),
    "KIRIKAE_ADDRESS": M("how mails name the site; the address passkeys are bound to", "address", "`https://` and the first of `KIRIKAE_HOSTS`"),
    "KIRIKAE_DATA": M("demo data, logs, counts, collected static files", "directory", "`.kirikae` in the repository"),
    "KIRIKAE_VENV": M("where `manage.py` builds its environment", "directory", "`.venv` in the repository"),
    # Stores
    "DATABASE_URL": M("PostgreSQL", "`postgres://user:password@host:5432/kirikae`", "started from a wheel for trying out"),
    "KIRIKAE_CONNECTION_SECONDS": M(
        "how long a web process keeps a database connection for the requests that follow; 0: one per request",
        "seconds",
        "production 60, else 0",
    ),
    "REDIS_URL": M("Valkey or Redis: broker and cache", "`redis://host:6379/0` or `unix:///path?db=0`", "started from a wheel for trying out"),
    "KIRIKAE_QUEUE_PREFIX": M("prefix of queue names, where several sites share a broker"),
    "KIRIKAE_RESULTS": M("where results of tasks are kept; a rehearsal waits for them, nothing else does", "address"),
    "KIRIKAE_FILES": M("all files: usage in and out, evidence, documents", "directory", "`$KIRIKAE_DATA/files`"),
    "KIRIKAE_S3_BUCKET": M("bucket of S3-compatible storage that holds the files instead", "name", "none: the directory"),
    "KIRIKAE_S3_PREFIX": M("folder in the bucket"),
    "KIRIKAE_S3_ENDPOINT": M("where the bucket is", "address", "as the AWS SDK finds it"),
    "KIRIKAE_S3_REGION": M("its region", "name", "as the AWS SDK finds it"),
    "KIRIKAE_S3_KEY": M("who asks", "access key", "as the AWS SDK finds it"),
    "KIRIKAE_S3_SECRET": M("and proves it", "secret key", "as the AWS SDK finds it"),
    "KIRIKAE_S3_ADDRESSING": M("how the bucket is named in addresses", "`path` or `virtual`", "as the AWS SDK finds it"),
    "KIRIKAE_DROP": M("watched folder, one sub-folder per network operator's participant code; in the linkage test `markets/<market>/<code>`", "directory", "`$KIRIKAE_DATA/drop`"),
    "KIRIKAE_UPLOAD_SCANNER": M("what looks for malware in uploads; `portal.clamd.scan` asks ClamAV", "dotted path"),
    "KIRIKAE_CLAMD": M("socket of ClamAV's daemon", "path, or `host:port`"),
    # People
    "KIRIKAE_IDLE_MINUTES": M("a sign-in ends when nothing was asked for so long", "minutes"),
    "KIRIKAE_SESSION_HOURS": M("the longest a sign-in lasts", "hours"),
    # Evidence and certificates
    "KIRIKAE_HUB_KEY": M("the hub's Ed25519 key, signs the ledger's seals and proof packs; the same for web and workers", "file", "`$KIRIKAE_DATA/hub_key.pem`, made by itself outside production"),
    "KIRIKAE_HUB_FORMER_KEYS": M("public keys of earlier seals", "hexadecimal, by comma"),
    "KIRIKAE_QUALIFICATION_NEEDED": M("production use is approved with a proven or waived qualification only", "`1` or empty", "`1` in production"),
    "KIRIKAE_LINKAGE_KEYS": M("public keys with which the linkage test signs qualifications", "hexadecimal, by comma"),
    "KIRIKAE_BUILT_IN_AUTHORITY": M("the built-in test authority issues certificates in production too", "`1` or empty", "demo and linkage test: always"),
    "KIRIKAE_AUTHORITY": M("folder of that authority, of `trusted.pem` and `revoked.pem`", "directory", "`$KIRIKAE_DATA/authority`"),
    "KIRIKAE_CERTIFICATE_SOURCE": M("whose word about client certificates counts: `socket` (nginx on a Unix socket only it may open), `secret` (nginx adds `X-Proxy-Secret`), empty: nobody's"),
    "KIRIKAE_CERTIFICATE_SECRET": M("the secret of `secret`", "32 characters or more", "none: `secret` needs it"),
    "KIRIKAE_TLS_BIND": M("address of `manage.py serve_tls`", "`host:port`"),
    "KIRIKAE_TLS_CERT": M("its server certificate", "file", "set by `serve_tls`"),
    "KIRIKAE_TLS_KEY": M("its key", "file", "set by `serve_tls`"),
    "KIRIKAE_TLS_TRUSTED": M("authorities whose client certificates it takes", "file", "set by `serve_tls`"),
    "KIRIKAE_TLS_REVOKED": M("list of revoked certificates it asks", "file"),
    # API, events
    "KIRIKAE_API_CERTIFICATE": M("the API asks for client certificates outside production too", "`1` or empty", "production: always"),
    "KIRIKAE_API_READS": M("reading requests of one API client", "per minute"),
    "KIRIKAE_API_WRITES": M("writing requests of one API client", "per minute"),
    "KIRIKAE_EVENT_DAYS": M("how long the feed of events can be read again; at least 90", "days"),
    "KIRIKAE_WEBHOOK_CA": M("authorities of receivers' certificates", "file", "the system's"),
    # Mail
    "KIRIKAE_CONTACT": M("address shown on the public page on accessibility to people without an account", "address"),
    "KIRIKAE_MAIL_FROM": M("sender of the hub's mails", "address"),
    "KIRIKAE_SMTP_HOST": M("mail server", "name", "`localhost`; demo: files in `$KIRIKAE_DATA/mail`"),
    "KIRIKAE_SMTP_PORT": M("its port"),
    "KIRIKAE_SMTP_USER": M("who signs in there"),
    "KIRIKAE_SMTP_PASSWORD": M("and with which password"),
    "KIRIKAE_SMTP_TLS": M("begin TLS after the greeting", "`1` or empty"),
    # Monitoring, logs
    "KIRIKAE_METRICS_TOKEN": M("token that opens `/metrics`; without it the address is absent", "32 characters or more"),
    "KIRIKAE_METRICS_NETWORKS": M("networks from which `/metrics` is asked", "CIDR, by comma", "anywhere, with the token"),
    "KIRIKAE_METRICS_DIR": M("where the web processes of one host count requests together; emptied before they start", "directory", "none: each process for itself"),
    "KIRIKAE_LOG": M("how the log is written: `json` or `lines`", default="`json` in production, else `lines`"),
    "KIRIKAE_LOG_LEVEL": M("from which level on", "`DEBUG`, `INFO`, `WARNING` or `ERROR`", "`INFO`"),
    # Rules of an area, the linkage test
    "KIRIKAE_AREA_LEADS": M("lead times of switches where an area has its own: business days without and with meter work", "JSON: `{\"10\": {\"LV\": [2, 9]}}`"),
    "KIRIKAE_AREA_CUT_OFFS": M("matching cut-off where an area has its own: business days before the desired date", "JSON: `{\"10\": 2}`"),
    "KIRIKAE_AREA_FURTHEST": M("how many days ahead a desired date may lie where an area has its own", "JSON: `{\"10\": 90}`"),
    "KIRIKAE_READING_TAGS": M("which items of meter exchange messages carry register readings", "JSON: tag → `regular`, `put_up` or `taken_away`"),
    "KIRIKAE_LINKAGE_DOMAIN": M("private markets are `<market>.<domain>`; every other name is the lobby", "host name"),
    "KIRIKAE_OPEN_SANDBOX": M("linkage test on one's own machine: passwords and codes are shown, a market is opened", "`1` or empty", "set by `manage.py up --linkage`"),
}  # fmt: skip

# Rules whose name alone does not say it; the others carry a comment where they stand.
RULES: dict[str, str] = {
    "JUDGEMENT_BUSINESS_DAYS": "time of the losing retailer to judge a relay, to the end of that day",
    "MATCHING_CUT_OFF_BUSINESS_DAYS": "by when start and termination must both be there, before the desired date",
    "FURTHEST_AHEAD_DAYS": "how far ahead a desired date may lie",
    "LEAD_EXTRA_DAYS": "days added to the lead time where the day before is no business day",
    "ESCALATIONS_COUNTED_DAYS": "over which escalations of a company are counted",
    "CONSENT_MAX_AGE_DAYS": "how old a customer's consent to an inquiry may be",
    "USAGE_INQUIRY_MONTHS": "how far back past usage is shown",
    "ATTACHMENT_MAX_BYTES": "the largest attachment of the helpdesk and library",
    "BULK_FILE_MAX_BYTES": "the largest file of many cases",
    "BULK_MOST_ROWS": "most rows of one",
    "USAGE_FILE_MAX_BYTES": "the largest usage file taken in",
    "USAGE_XML_MAX_BYTES": "what a compressed XML file may unpack to",
    "PUBLISHED_POINTS_PER_FILE": "points in a published day file",
    "PUBLICATION_ROWS_PER_SLICE": "rows of one slice of a day that is cut",
    "PUBLICATION_HELPERS": "most workers asked to help with one day",
    "USE_APPLICATION_MAILS_PER_ORIGIN": "most mails with links to one address of the network within an hour",
    "USE_APPLICATION_LINK_AGE": "how long the mailed link of an application for use is good",
    "INQUIRIES_PER_HOUR_ALARM": "inquiries of one person within an hour that raise an alarm",
    "IDENTITY_REJECTIONS_PER_COMPANY": "so many rejections for identity in that span throttle a company",
    "IDENTITY_REJECTIONS_SHARE": "together with so large a share of its answers",
    "WRONG_ACCESS_CODES_WITHIN": "the span in which wrong access codes are counted",
    "USE_APPLICATION_KINDS": "kinds of application for use this hub takes (production: `production` alone)",
    "USE_APPLICATION_MAILS_PER_ADDRESS": "most mails with links to one mail address within an hour",
    "REMINDER_SHARES": "after which shares of the time for a duty people are reminded; at its end it expires or is escalated",
    "AREA_MATCHING_CUT_OFF_BUSINESS_DAYS": "an area's own matching cut-off, `KIRIKAE_AREA_CUT_OFFS`",
    "AREA_FURTHEST_AHEAD_DAYS": "an area's own, `KIRIKAE_AREA_FURTHEST`",
    "AREA_LEAD_BUSINESS_DAYS": "an area's own lead times, `KIRIKAE_AREA_LEADS`",
    "IDENTITY_REJECTIONS_BEFORE_THROTTLE": "rejections for identity of one company on one point before it is throttled there",
    "IDENTITY_REJECTIONS_SPAN": "the span over which a company's rejections for identity are counted over all points",
    "RELAY_MESSAGES": "most messages in one relay's thread",
    "WRONG_ACCESS_CODES": "wrong access codes of one person before no more are taken for a while",
    "EVIDENCE_FILES": "most evidence files on one disclosure or relay",
    "INQUIRIES_PER_PERSON_AND_DAY": "inquiries of one person a day, where the company has no rules of its own",
    "INQUIRY_RUN_ALARM": "supply point numbers asked one after the other that raise an alarm",
    "INQUIRY_FOLLOW_UP_DAYS": "in which an inquiry should lead to something",
    "INQUIRIES_WITHOUT_RESULT_ALARM": "inquiries without result that raise an alarm",
    "INQUIRY_IDENTITY_SPAN": "the span over which inquiries that end in a rejection for identity are counted",
    "INQUIRY_IDENTITY_ALARM": "so many of these raise an alarm",
    "INQUIRY_EXPLAIN_WITHIN": "how long a person may explain an alarm before inquiries are locked",
    "CERTIFICATE_DAYS": "how long a client certificate of the built-in authority is valid",
    "CERTIFICATE_REMINDER_DAYS": "how many days before its end a company is reminded",
    "STOP_ANSWER_BUSINESS_DAYS": "time to answer a request to stop a switch (cooling-off)",
    "REVERSAL_DAYS": "how far back a switch can be reversed",
    "REVERSAL_ANSWER_BUSINESS_DAYS": "time to answer a request for a reversal",
    "UNDO_APPEAL_BUSINESS_DAYS": "time to appeal against a decision about undoing a switch",
    "FRAUD_EVIDENCE_BUSINESS_DAYS": "time to show evidence after a denial of consent",
    "MARKET_EXIT_CHUNK": "points of a leaving retailer that are moved in one transaction",
}
