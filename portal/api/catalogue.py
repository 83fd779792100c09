"""What the ground floor's verbs refuse, as rows of the error catalogue."""

from django.utils.translation import gettext_lazy as _

from portal import api_clients, attachments, certificate_files, certificate_requests, certificates, gates
from portal.api import problems
from portal.api.problems import Kind
from portal.clock import now as moment

problems.register(
    Kind(
        "api.token_not_good",
        401,
        api_clients.TokenNotGood.sentence,
        (api_clients.TokenNotGood,),
    ),
    Kind(
        "hub.closed",
        503,
        _("The function is closed now. Retry-After tells when it opens, where that is settled."),
        (gates.Closed,),
        say=str,
        retry_after=lambda error: (
            max(1, int((error.opens_at - moment()).total_seconds()) + 1) if error.opens_at else None
        ),
        more=lambda error: {
            "function": str(error.function),
            "opens_at": error.opens_at.isoformat() if error.opens_at else None,
        },
    ),
)
_OF_THE_CSR = (
    *(certificate_files.EmptyFile, certificate_files.TooLarge, certificate_files.HoldsPrivateKey),
    *(certificate_files.IsACertificate, certificate_files.NotARequest, certificate_files.NotSignedByItsKey),
    *(certificate_files.BrokenHash, certificate_files.WeakKey, certificate_files.WeakExponent),
    *(certificate_files.KeyOfAnotherKind, certificate_files.WrongOrganisation, certificate_files.NameMissing),
)
problems.of_verbs(
    "certificates",
    {
        certificates.NotAllowed: 403,
        certificate_requests.NotYours: 403,
        certificates.BadTerminal: 422,
        certificate_requests.TooManyWaiting: 409,
        certificates.KeyUsedAlready: 409,
        certificate_requests.DecidedAlready: 409,
        certificate_requests.NoneIssuedHere: 409,
        **dict.fromkeys(_OF_THE_CSR, 422),
    },
    fields={certificates.BadTerminal: "terminal", **dict.fromkeys(_OF_THE_CSR, "csr")},
    sentences={
        certificate_files.WeakKey: _("The key has too few bits; an RSA key needs at least 2048."),
        certificate_files.WrongOrganisation: _("The subject's organisation (O) is not your company's name."),
    },
)
_OF_FILES = (
    *(attachments.Empty, attachments.TooLarge, attachments.UnknownKind, attachments.OtherContent),
    *(attachments.Infected, attachments.NotScanned),
)
problems.of_verbs(
    "files",
    {**dict.fromkeys(_OF_FILES, 422), attachments.TooLarge: 413, attachments.NotScanned: 503},
    fields=dict.fromkeys(_OF_FILES, "file"),
    retry_after={attachments.NotScanned: lambda: 120},
)
