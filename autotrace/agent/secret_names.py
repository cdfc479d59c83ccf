"""Which names of fields, headers and URL parameters promise a secret."""

from __future__ import annotations

NAME_LIMIT = 128
"""Characters at the end of a name that are looked at."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


EXACT = _words(
    """
    password passwords passwd pwd pass passphrase passcode password_hash password_digest
    password_salt password_confirmation password_confirm password_repeat password_again
    secret secrets client_secrets token access_tokens refresh_tokens auth_tokens apikey api_key
    api_keys private_key private_keys secret_key secret_keys access_key access_keys encryption_key
    signing_key master_key account_key shared_key storage_key ssh_key license_key
    authorization proxy_authorization auth authentication bearer jwt
    cookie cookies set_cookie session_id sessionid session_key jsessionid phpsessid
    credential credentials connection_string
    otp totp one_time_password one_time_code mfa_code auth_code authorization_code
    verification_code code_verifier device_code recovery_code recovery_codes backup_codes
    pin cvc cvc2 cvv cvv2 csc security_code card_number cardnumber card_no credit_card
    credit_card_number account_number routing_number bank_account_number iban
    ssn social_security_number id_number security_answer
    """
)
"""Names that are secret by themselves, folded."""

# How secret names end, with or without an underscore before: access_token, accesstoken.
_SUFFIXES = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "privatekey",
    "secretkey",
    "accesskey",
    "signingkey",
    "encryptionkey",
    "accountkey",
    "credentials",
    "authorization",
    "cookie",
    "cardnumber",
    "jwt",
)
_EXEMPT = (
    "pagetoken",
    "nexttoken",
    "continuationtoken",
    "paginationtoken",
    "synctoken",
    "cursortoken",
    "starttoken",
    "method",
    "provided",
    "check",
)

HEADERS = _words(
    """
    authorization proxy-authorization cookie set-cookie cookie2 set-cookie2 x-api-key api-key
    apikey x-auth-key x-auth-token x-access-token x-csrf-token x-xsrf-token x-amz-security-token
    x-goog-api-key x-goog-iam-authorization-token x-shopify-access-token x-vault-token
    x-sfdc-session x-session-id x-session-token x-twilio-signature stripe-signature
    x-hub-signature x-hub-signature-256 x-slack-signature x-hubspot-signature x-signature
    authentication-info proxy-authentication-info sec-websocket-key x-functions-key
    ocp-apim-subscription-key x-figma-token private-token job-token x-postmark-server-token
    x-algolia-api-key x-ms-authorization-auxiliary x-gitlab-token php-auth-pw
    """
)
"""Headers that are secret, in lower case."""

SCHEMES = _words("basic bearer digest token apikey negotiate ntlm aws4-hmac-sha256 dpop")
"""Authentication schemes, which are said although the credentials after them are not."""

URL_PARAMETERS = _words(
    """
    sig signature xamzsignature xamzcredential xamzsecuritytoken xgoogsignature xgoogcredential
    awsaccesskeyid googleaccessid keypairid policy hmac assertion samlresponse samlrequest
    codechallenge ticket sid
    """
)
"""Parameters that sign a URL or stand for a session, without separators; secret in URLs only."""


def fold(name: str) -> str:
    """``clientSecret``, ``Client-Secret`` and ``CLIENT_SECRET`` as ``client_secret``."""
    out: list[str] = []
    previous = ""
    size = len(name)
    for at, char in enumerate(name):
        if not char.isalnum():
            if out and out[-1] != "_":
                out.append("_")
        else:
            if (
                char.isupper()
                and out
                and out[-1] != "_"
                and (not previous.isupper() or (at + 1 < size and name[at + 1].islower()))
            ):
                out.append("_")
            out.append(char.lower())
        previous = char
    return "".join(out).strip("_")


def is_secret(name: str, exact: frozenset[str], keep: frozenset[str]) -> bool:
    """Whether a name is one of ``exact`` or ends like a secret, and is not in ``keep``.

    It may be in any spelling. Of ``card[cvc]`` and ``card.cvc`` the last part counts by itself as
    well; a number at the end (``password2``) makes no difference.
    """
    name = name[-NAME_LIMIT:]
    folded = fold(name)
    last = fold(_last_segment(name))
    if folded in keep or last in keep:
        return False
    if folded in exact or last in exact:
        return True
    joined = folded.replace("_", "")
    if joined.endswith(_SUFFIXES) and not joined.endswith(_EXEMPT):
        return True
    bare = folded.rstrip("0123456789_")
    return bare != folded and bool(bare) and is_secret(bare, exact, keep)


def _last_segment(name: str) -> str:
    """``number`` of ``card[number]`` and of ``card.number``."""
    name = name.rstrip("[]")
    return name[max(name.rfind("["), name.rfind("."), name.rfind("$"), name.rfind(":")) + 1 :]
