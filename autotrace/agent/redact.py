"""Takes secrets out of values before they are written anywhere.

Runs inside the job on everything that a span records, so it never raises, never prints and looks
at a bounded part of what it is given. ``re`` is imported on the first text that needs it. What is
masked and why stands in ``docs/reference/redaction.md``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from re import Match, Pattern
    from typing import Any

MASK = "[redacted]"
"""What stands where a secret was."""

TEXT_LIMIT = 16_384
"""Characters of a free text (an error message, a traceback) that are kept unless told otherwise."""

VALUE_LIMIT = 1_024
"""Characters of a field's value that are kept."""

HEADER_LIMIT = 64
"""Headers of one request or response that are kept."""

# What is scanned beyond a limit: a secret that begins before the limit is recognised although it
# ends after it. Longer than the shortest recognisable piece of every pattern below.
_MARGIN = 256
_KEY_CACHE = 2_048
_KEY_TAIL = 128


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EXACT = _words(
    """
    password passwords passwd pwd pass passphrase passcode password_hash password_digest
    password_salt password_confirmation password_confirm password_repeat password_again
    secret secrets client_secrets token access_tokens refresh_tokens auth_tokens apikey api_key
    api_keys private_key private_keys secret_key secret_keys access_key access_keys encryption_key
    signing_key master_key account_key shared_key storage_key ssh_key license_key
    secret_access_key authorization proxy_authorization auth authentication bearer jwt
    cookie cookies set_cookie session_id sessionid session_key session_cookie jsessionid phpsessid
    csrftoken xsrftoken credential credentials sas sas_url connection_string
    otp totp one_time_password one_time_code mfa_code auth_code authorization_code verification_code
    code_verifier device_code recovery_code recovery_codes backup_codes
    pin cvc cvc2 cvv cvv2 csc security_code card_number cardnumber card_no credit_card
    credit_card_number pan account_number routing_number bank_account_number iban
    ssn social_security_number id_number security_answer
    """
)
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
_EXEMPT_SUFFIXES = (
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
_SECRET_HEADERS = _words(
    """
    authorization proxy-authorization cookie set-cookie cookie2 set-cookie2 x-api-key api-key apikey
    x-auth-key x-auth-token x-access-token x-csrf-token x-xsrf-token x-amz-security-token
    x-goog-api-key x-goog-iam-authorization-token x-shopify-access-token x-vault-token
    x-sfdc-session x-session-id x-session-token x-twilio-signature stripe-signature
    x-hub-signature x-hub-signature-256 x-slack-signature x-hubspot-signature x-signature
    authentication-info proxy-authentication-info sec-websocket-key x-functions-key
    ocp-apim-subscription-key x-figma-token private-token job-token x-postmark-server-token
    x-algolia-api-key x-ms-authorization-auxiliary x-gitlab-token php-auth-pw
    """
)
_SCHEMES = _words("basic bearer digest token apikey negotiate ntlm aws4-hmac-sha256 dpop")
_URL_PARAMETERS = _words(
    """
    sig signature x_amz_signature x_amz_credential x_amz_security_token x_goog_signature
    x_goog_credential awsaccesskeyid googleaccessid key_pair_id policy hmac assertion saml_response
    samlresponse saml_request samlrequest code_challenge ticket sid
    """
)

# Words after Bearer that begin a sentence rather than a credential.
_BEARER_WORDS = _words(
    """
    token tokens auth authentication authorization scheme realm error header headers
    authenticated credential credentials format value
    """
)

# For bytes.translate: every digit and every character that may stand between the digits of a card
# becomes a "0", anything else a ".".
_CARD_TABLE = bytes(48 if chr(i) in "0123456789 -" else 46 for i in range(256))
_CARD_RUN = b"0" * 13


class Redactor:
    """Finds and masks secrets in names, texts, URLs, headers and values.

    ``keys`` are further secret field names, in any spelling (``customerPin`` covers
    ``customer_pin``). ``patterns`` are further regular expressions for values; one that does not
    compile is left out. ``keep`` are field names to leave alone although the rules call them
    secret; values that look like a secret are masked there too. ``emails`` is ``"keep"``,
    ``"hash"`` (the same address always gives the same short digest) or ``"drop"``. ``headers`` are
    further secret header names.

    None of the methods raises for any argument, and each looks at a bounded part of it.
    """

    __slots__ = (
        "_card",
        "_email",
        "_emails",
        "_exact",
        "_headers",
        "_keep",
        "_named",
        "_names",
        "_options",
        "_own",
        "_stems",
        "_tokens",
        "_url",
        "prefixes",
    )

    def __init__(
        self,
        keys: Iterable[str] = (),
        patterns: Iterable[str] = (),
        keep: Iterable[str] = (),
        emails: str = "keep",
        headers: Iterable[str] = (),
    ) -> None:
        self._options = (
            _strings(keys),
            _strings(patterns),
            _strings(keep),
            emails,
            _strings(headers),
        )
        more, own, spared, _, named = self._options
        self._stems = tuple(folded for folded in map(_fold, more) if folded)
        self._exact = _EXACT.union(self._stems)
        self._keep = frozenset(map(_fold, spared))
        self._headers = _SECRET_HEADERS.union(name.strip().lower() for name in named)
        self._emails = emails if emails in ("hash", "drop") else "keep"
        self._names: dict[str, bool] = {}
        # What fields.py knows of names under a prefix; kept here as it depends on these settings.
        self.prefixes: dict[str, dict[object, tuple[str, int]]] = {}
        self._named: Pattern[str] | None = None
        self._tokens: Pattern[str] | None = None
        self._card: Pattern[str] | None = None
        self._url: Pattern[str] | None = None
        self._email: Pattern[str] | None = None
        self._own: tuple[Pattern[str], ...] = _compiled(own) if own else ()

    def extended(self, keys: Iterable[str] = (), keep: Iterable[str] = ()) -> Redactor:
        """Another redactor with these names added: for what only one vendor calls a secret.

        ``keys`` and ``keep`` are as for the class. Make it once, at import, and keep it.
        """
        more, patterns, spared, emails, headers = self._options
        return Redactor(more + _strings(keys), patterns, spared + _strings(keep), emails, headers)

    def secret_key(self, name: object) -> bool:
        """Whether a field of this name holds a secret.

        ``name`` may be in any spelling (``apiKey``, ``API-Key``, ``user[api_key]``); anything but
        a string is not secret. Booleans under a secret name are no secret, see ``value``.
        """
        known = self._names.get(name) if type(name) is str else False
        if known is not None:
            return known
        try:
            known = self._judge(str(name))
            if len(self._names) >= _KEY_CACHE:
                self._names.clear()
            if len(name) <= _KEY_TAIL:  # type: ignore[arg-type]
                self._names[name] = known  # type: ignore[index]
            return known
        except Exception:
            return True

    def _judge(self, name: str) -> bool:
        folded = _fold(name[-_KEY_TAIL:])
        last = _fold(_last_segment(name[-_KEY_TAIL:]))
        if folded in self._keep or last in self._keep:
            return False
        if folded in self._exact or last in self._exact:
            return True
        joined = folded.replace("_", "")
        if joined.endswith(_SUFFIXES) and not joined.endswith(_EXEMPT_SUFFIXES):
            return True
        bare = joined.rstrip("0123456789")
        return bare != joined and bool(bare) and self._judge(bare)

    def text(self, value: str, limit: int = TEXT_LIMIT) -> str:
        """Free text with every secret in it masked, of at most ``limit`` characters.

        A text that was cut ends in a mark such as ``…(1,234 more)``. Returns the very same object
        when there was nothing to do. Anything but a string gives an empty string.
        """
        if type(value) is not str:
            value = plain(value)
        size = len(value)
        if size < 6:
            return value
        try:
            if size <= limit:
                return self._scrub(value, False) if self._suspicious(value) else _valid(value)
            head = value[: limit + _MARGIN]
            cut = len(head) < size
            if not self._suspicious(head):
                return clip_known(_valid(head), limit, size)
            clean = self._scrub(head, cut)
            if cut:
                # The window's end may hold the first half of something that was not recognised.
                clean = clean[: max(0, len(clean) - _MARGIN)]
                return clip_known(clean, limit, size)
            return clip_known(clean, limit, len(clean))
        except Exception:
            return MASK

    def _suspicious(self, text: str) -> bool:
        """A quick look: whether the patterns have to be tried at all."""
        if "_" in text and (
            "k_" in text
            or "sec_" in text
            or "gh" in text
            or "pat_" in text
            or "npm_" in text
            or "shp" in text
            or "ret_" in text
            or "tkn_" in text
            or "hf_" in text
            or "ntn_" in text
            or "api_" in text
            or "v1_" in text
        ):
            return True
        if "-" in text and (
            "xox" in text
            or "xapp-" in text
            or "gl" in text
            or "sk-" in text
            or "--BEGIN" in text
            or "pat-" in text
            or "pypi-" in text
            or "xkeysib-" in text
            or "key-" in text
            or "sq0" in text
        ):
            return True
        if not text.islower() and (
            "eyJ" in text
            or "AKIA" in text
            or "ASIA" in text
            or "AIza" in text
            or "SG." in text
            or "00D" in text
            or "dG9r" in text
            or "EAA" in text
            or "Bear" in text
            or "Basi" in text
            or "BEAR" in text
            or "BASI" in text
            or "ATATT" in text
        ):
            return True
        if " " in text and ("bearer" in text or "basic" in text or "--" in text):
            return True
        if "." in text and ("hooks." in text or "ya29." in text or "hvs." in text):
            return True
        if "=" in text or ":" in text or ">" in text or "%3" in text:
            low = text.lower()
            if (
                "pass" in low
                or "pwd" in low
                or "secret" in low
                or "token" in low
                or "key" in low
                or "auth" in low
                or "cook" in low
                or "cred" in low
                or "sess" in low
                or "cvc" in low
                or "cvv" in low
                or "ssn" in low
                or "code" in low
                or "number" in low
                or "signature" in low
                or "jwt" in low
                or "otp" in low
                or "pin" in low
                or "webhooks/" in low
                or "bot" in low
                or ("@" in low and "://" in low)
            ):
                return True
            for stem in self._stems:
                if stem[:2] in low:
                    return True
        if _CARD_RUN in text.encode("latin-1", "replace").translate(_CARD_TABLE):
            return True
        if self._own:
            return True
        return self._emails != "keep" and "@" in text

    def _scrub(self, text: str, cut: bool) -> str:
        """``text`` with the patterns applied; ``cut`` when it goes on where we cannot see."""
        if "PRIVATE KEY" in text:
            text = _mask_pem(text)
        if "://" in text:
            text = self._mask_userinfo(text, cut)
        tokens = self._tokens
        if tokens is None:
            import re

            tokens = self._tokens = re.compile(_TOKENS)
        text = tokens.sub(_mask_token, text)
        if cut:
            text = _mask_cut_token(text)
        if _CARD_RUN in text.encode("latin-1", "replace").translate(_CARD_TABLE):
            text = self._mask_cards(text)
        if "=" in text or ":" in text or ">" in text or "%3" in text or "--" in text:
            text = self._mask_named(text)
        for pattern in self._own:
            text = pattern.sub(_mask_whole, text)
        if self._emails != "keep" and "@" in text:
            text = self._mask_emails(text)
        return _valid(text)

    def _mask_userinfo(self, text: str, cut: bool) -> str:
        url = self._url
        if url is None:
            import re

            url = self._url = re.compile(_USERINFO)
        if "@" in text:
            text = url.sub(_mask_userinfo_match, text)
        if cut:
            start = text.rfind("://")
            colon = text.find(":", start + 3) if start >= 0 else -1
            if colon >= 0 and not _has_any(text[start + 3 :], "/?#@ \t\r\n\"'<>"):
                text = text[: colon + 1] + MASK
        return text

    def _mask_cards(self, text: str) -> str:
        card = self._card
        if card is None:
            import re

            card = self._card = re.compile(r"(?<![0-9])(?<![0-9]\.)[0-9](?:[ -]?[0-9]){12,}")
        return card.sub(_mask_card_match, text)

    def _mask_named(self, text: str) -> str:
        """Mask the values in ``name=value``, ``"name": "value"`` and ``<name>value</name>``."""
        named = self._named
        if named is None:
            named = self._named = _compile_named(self._stems)
        parts: list[str] = []
        done = at = 0
        while True:
            found = named.search(text, at)
            if found is None:
                break
            at = found.end()
            start = found.start(1)
            floor = max(done, start - _KEY_TAIL)
            while start > floor and (text[start - 1].isalnum() or text[start - 1] in "_-.$"):
                start -= 1
            name = text[start : found.end(1)]
            option = found[2] != " " or name.startswith("--")
            if not option or not self.secret_key(name.lstrip("-")):
                at = found.end(1)
                continue
            begin, end = _value_span(text, at, found[2], found[1])
            if end > begin:
                parts.append(text[done:begin])
                parts.append(MASK)
                done = end
            at = max(at, end)
        if not parts:
            return text
        parts.append(text[done:])
        return "".join(parts)

    def _mask_emails(self, text: str) -> str:
        email = self._email
        if email is None:
            import re

            email = self._email = re.compile(
                r"(?<![\w.+-])[\w.+'%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
            )
        return email.sub(_hash_email if self._emails == "hash" else _mask_whole, text)

    def url(self, value: str, limit: int = VALUE_LIMIT) -> str:
        """A URL without credentials: userinfo, secret and signing parameters, secret fragments.

        The names of parameters stay. Relative URLs and bare paths are fine. The result has at most
        ``limit`` characters.
        """
        if type(value) is not str:
            value = plain(value)
        try:
            size = len(value)
            head = value[: 4 * limit + _MARGIN]
            cut = len(head) < size
            rest, hash_mark, fragment = head.partition("#")
            rest, question, query = rest.partition("?")
            if "@" in rest:
                rest = _url_userinfo(rest)
            elif cut and not question and not hash_mark and "://" in rest:
                rest = self._mask_userinfo(rest, cut)
            if query:
                query = self._parameters(query, rest)
            if "=" in fragment:
                fragment = self._parameters(fragment, rest)
            whole = rest + question + query + hash_mark + fragment
            whole = self._scrub(whole, cut) if self._suspicious(whole) else _valid(whole)
            return clip_known(whole, limit, len(whole) + size - len(head))
        except Exception:
            return MASK

    def _parameters(self, query: str, path: str) -> str:
        parts = []
        oauth = "state=" in query or "oauth" in path or "callback" in path
        for part in query.split("&"):
            name, equals, value = part.partition("=")
            if value and self._secret_parameter(name, value, oauth):
                part = name + equals + MASK
            parts.append(part)
        return "&".join(parts)

    def _secret_parameter(self, name: str, value: str, oauth: bool) -> bool:
        if "%" in name:
            name = unquote(name)
        if self.secret_key(name):
            return value.lower() not in ("true", "false")
        folded = _fold(name[-_KEY_TAIL:])
        if folded in self._keep:
            return False
        if folded in _URL_PARAMETERS:
            return True
        if folded == "key":
            return len(value) >= 16 and not value.isdigit()
        return folded == "code" and (oauth or len(value) >= 20)

    def headers(self, mapping: object) -> dict[str, str]:
        """The headers of a request or response, names in lower case, secret values masked.

        ``mapping`` is a dict, or a list or tuple of pairs, of str or bytes; anything else gives an
        empty dict. The scheme of an Authorization header is kept. Values of a repeated name are
        joined by a comma. At most 64 headers are taken.
        """
        into: dict[str, str] = {}
        try:
            for name, value in _pairs(mapping):
                key = plain(name).strip().lower()[:_KEY_TAIL]
                held = self._header(key, value)
                into[key] = into[key] + ", " + held if key in into else held
                into[key] = clip_known(into[key], VALUE_LIMIT, len(into[key]))
                if len(into) >= HEADER_LIMIT:
                    break
        except Exception:
            return into
        return into

    def _header(self, name: str, value: object) -> str:
        text = plain(value)
        if _fold(name) in self._keep:
            return self.text(text, VALUE_LIMIT)
        if name in self._headers or self.secret_key(name):
            scheme, space, rest = text[:_KEY_TAIL].strip().partition(" ")
            if space and rest and scheme.lower() in _SCHEMES:
                return scheme + " " + MASK
            return MASK if text else ""
        if name in ("location", "content-location", "referer", "link", "origin"):
            return self.url(text)
        return self.text(text, VALUE_LIMIT)

    def value(self, name: object, v: object) -> object:
        """One scalar as it may be kept under ``name``.

        Booleans, None and numbers come back as they are unless the name is secret or a number is
        that of a card; text is masked and clipped to 1,024 characters; bytes count as text;
        anything else becomes the name of its type.
        """
        try:
            kind = type(v)
            if v is None or kind is bool:
                return v
            if self.secret_key(name):
                return MASK
            if kind is str:
                return self.text(v, VALUE_LIMIT)  # type: ignore[arg-type]
            if kind is int or kind is float:
                return MASK if is_card(v) else v  # type: ignore[arg-type]
            text = plain(v)
            return self.text(text, VALUE_LIMIT) if text else type_mark(v)
        except Exception:
            return MASK


_type_name: Callable[[type], str] = type.__dict__["__name__"].__get__


def type_mark(value: object) -> str:
    """The name of a value's type as a mark, such as ``<Connection>``; never calls the value."""
    try:
        return "<" + _type_name(type(value))[:100] + ">"
    except Exception:
        return "<object>"


def plain(value: Any, limit: int = 4 * TEXT_LIMIT) -> str:
    """The characters of a str or bytes object or of a subclass, without calling its own methods.

    At most ``limit`` of them. Anything else, and bytes that are no UTF-8, gives an empty string.
    """
    try:
        kind = type(value)
        if issubclass(kind, str):
            text: str = str.__getitem__(value, slice(0, limit))
            return text
        if issubclass(kind, bytes):
            raw: bytes = bytes.__getitem__(value, slice(0, limit))
        elif issubclass(kind, bytearray):
            raw = bytes(bytearray.__getitem__(value, slice(0, limit)))
        else:
            return ""
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            # A character cut in half by the limit is no reason to give up the rest.
            return raw[: error.start].decode() if error.start >= limit - 4 else ""
    except Exception:
        return ""


def clip_known(text: str, limit: int, size: int) -> str:
    """``text`` cut to ``limit`` characters, marked with how many of ``size`` are missing."""
    if len(text) <= limit and size <= limit:
        return text
    if len(text) <= limit and size <= len(text):
        return text
    room = max(0, limit - 24)
    kept = text[:room]
    # A mask that is cut in half would be taken for a secret's value the next time.
    opening = kept.rfind("[", max(0, room - len(MASK) + 1))
    if opening >= 0 and MASK.startswith(kept[opening:]):
        kept = kept[:opening]
    return f"{kept}…({max(1, size - len(kept)):,} more)"[: max(0, limit)]


def is_card(number: int | float) -> bool:
    """Whether a number is that of a payment card: 14 to 19 digits, an issuer's prefix, Luhn.

    Of 13 digits are the identifiers of shops and the milliseconds since 1970.
    """
    if not 10**13 <= number < 10**19:
        return False
    return _card_digits(str(int(number)))


def unquote(text: str) -> str:
    """A percent-encoded name decoded; what is not valid stays as it is."""
    parts = text.split("%")
    if len(parts) == 1:
        return text
    raw = bytearray(parts[0].encode("utf-8", "replace"))
    for part in parts[1:]:
        try:
            raw.append(int(part[:2], 16) if len(part) >= 2 and part[:2].isalnum() else -1)
            raw += part[2:].encode("utf-8", "replace")
        except ValueError:
            raw += b"%" + part.encode("utf-8", "replace")
    return raw.decode("utf-8", "replace")


def _strings(values: Iterable[str]) -> tuple[str, ...]:
    try:
        if isinstance(values, str):
            return (values,)
        return tuple(value for value in values if isinstance(value, str))
    except Exception:
        return ()


def _compiled(patterns: Iterable[str]) -> tuple[Pattern[str], ...]:
    import re

    good = []
    for pattern in patterns:
        try:
            good.append(re.compile(pattern))
        except (re.error, RecursionError, OverflowError):
            continue
    return tuple(good)


def _fold(name: str) -> str:
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


def _last_segment(name: str) -> str:
    """``number`` of ``card[number]`` and of ``card.number``."""
    name = name.rstrip("[]")
    return name[max(name.rfind("["), name.rfind("."), name.rfind("$"), name.rfind(":")) + 1 :]


def _has_any(text: str, characters: str) -> bool:
    return any(char in text for char in characters)


def _valid(text: str) -> str:
    """``text`` without lone surrogates, which no UTF-8 writer takes."""
    if text.isascii():
        return text
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()


def _pairs(mapping: object) -> Iterator[tuple[object, object]]:
    from itertools import islice

    kind = type(mapping)
    items: Iterable[object]
    if issubclass(kind, dict):
        items = dict.items(mapping)  # type: ignore[arg-type]
    elif issubclass(kind, list):
        items = list.__iter__(mapping)  # type: ignore[arg-type]
    elif issubclass(kind, tuple):
        items = tuple.__iter__(mapping)  # type: ignore[arg-type]
    else:
        return
    for item in islice(items, 4 * HEADER_LIMIT):
        if type(item) is tuple and len(item) == 2:
            yield item
        elif type(item) is list and len(item) == 2:
            yield item[0], item[1]


def _mask_whole(found: Match[str]) -> str:
    return MASK if found.end() > found.start() else ""


def _hash_email(found: Match[str]) -> str:
    address = found[0].lower().encode("utf-8", "replace")
    try:
        from _blake2 import blake2s
    except ImportError:
        from hashlib import blake2s
    return f"[email {blake2s(address, digest_size=6).hexdigest()}]"


# Every alternative keeps a telling beginning in its group and swallows the rest. None can start in
# the middle of a word, and none has two neighbouring repeats over the same characters, so a scan is
# linear.
_TOKENS = (
    r"(?<![A-Za-z0-9])(?:"
    r"((?:sk|rk|ek)_(?:live|test)_)[A-Za-z0-9_]{3,}"
    r"|((?:sk|rk)_)(?!live_|test_)(?=[A-Za-z]*[0-9])[A-Za-z0-9]{16,}"
    r"|(whsec_)[A-Za-z0-9+/_-]{8,}=*"
    r"|(xox[a-z](?:\.xox[a-z])?-)[A-Za-z0-9-]{6,}"
    r"|(xapp-)[A-Za-z0-9-]{10,}"
    r"|(gh[a-z]_)[A-Za-z0-9]{16,}"
    r"|(github_pat_)[A-Za-z0-9_]{16,}"
    r"|(gl(?:pat|ptt|dt|rt|cbt|agent|oas|soat|ft|imt)-)[\w.-]{16,}"
    r"|(npm_)[A-Za-z0-9]{30,}"
    r"|(pypi-)[\w-]{40,}"
    r"|(shp(?:at|ca|pa|ss)_)[A-Za-z0-9]{16,}"
    r"|((?:AKIA|ASIA))[A-Z0-9]{12,}"
    r"|(AIza)[\w-]{30,}"
    r"|(ya29\.)[\w-]{16,}"
    r"|(GOCSPX-)[\w-]{16,}"
    r"|(SG\.)[\w-]{10,}\.[\w-]{10,}"
    r"|(eyJ)[\w-]{8,}(?:\.[\w-]{4,})(?:\.[\w-]*){0,3}"
    r"|(00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?(?:!|%21))[\w.%-]{8,}"
    r"|(sk-(?:proj-|ant-|or-|svcacct-|admin-)?)[\w-]{16,}"
    r"|(pat-(?:na|eu|ap)[0-9]-)[0-9a-fA-F-]{20,}"
    r"|(pat)[A-Za-z0-9]{14}\.[0-9a-f]{32,}"
    r"|(sq0[a-z]{3}-)[\w-]{16,}"
    r"|(EAA)[A-Za-z0-9_-]{40,}"
    r"|(dG9r)[A-Za-z0-9+/_-]{20,}=*"
    r"|(xkeysib-)[\w-]{32,}"
    r"|(key-)[0-9a-f]{32}"
    r"|(secret_|ntn_|hf_|lin_api_|pscale_tkn_|do[opr]_v1_)[A-Za-z0-9_-]{30,}"
    r"|(hvs\.)[\w-]{20,}"
    r"|(ATATT3)[\w=-]{20,}"
    r"|([Bb]asic |BASIC )([A-Za-z0-9+/]{4,}={0,2})"
    r"|((?:[Bb]earer|BEARER)[ \t]{1,4})([^\s,;\"'<>&)(\[\]{}\\]{6,})"
    r"|([0-9]{6,10}:)[A-Za-z0-9_-]{35}(?![\w-])"
    r")"
    r"|(_secret_)(?=[a-z]{0,40}[0-9A-Z])[A-Za-z0-9]{10,}"
    r"|(/bot[0-9]{6,12}:)[\w-]{20,}"
    r"|(hooks\.slack(?:-gov)?\.com/[a-z]{1,20}/)[\w/%-]{6,}"
    r"|(discord(?:app)?\.com/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{1,24}/)[\w-]{8,}"
    r"|(\.webhook\.office\.com/webhookb2/)[^\s\"'<>]{8,}"
)


def _mask_token(found: Match[str]) -> str:
    which = found.lastindex or 0
    kept = found[which]
    if which > 1 and found[which - 1] is not None:
        # Two groups together: the word Basic or Bearer, and what follows it.
        word, rest = found[which - 1], kept
        if word[0] in "Bb" and word[1] in "Aa":
            return word + MASK if _is_basic(rest) else found[0]
        bare = rest.split("=", 1)[0].strip(".:!?").lower()
        return found[0] if bare in _BEARER_WORDS else word + MASK
    return kept + MASK


def _is_basic(encoded: str) -> bool:
    """Whether this is base64 of ``user:password`` rather than a word of English."""
    from binascii import a2b_base64

    try:
        whole = encoded.rstrip("=")
        whole = whole[: len(whole) - (len(whole) % 4 == 1)]
        return b":" in a2b_base64(whole + "=" * (-len(whole) % 4))
    except ValueError:
        return False


def _mask_cut_token(text: str) -> str:
    """Mask a long token that the end of the window cut before its telling part."""
    at = max(text.rfind("eyJ"), text.rfind("SG."))
    if at >= 0 and len(text) - at > 40:
        tail = text[at + 3 :].replace("-", "").replace("_", "")
        if tail.isalnum():
            return text[: at + 3] + MASK
    return text


def _mask_pem(text: str) -> str:
    """Mask private keys between their BEGIN and END lines, or up to the end of the text."""
    parts = []
    done = 0
    while True:
        begin = text.find("-----BEGIN ", done)
        if begin < 0:
            break
        head = text.find("-----", begin + 11)
        if head < 0:
            head = len(text) if "PRIVATE KEY" in text[begin : begin + 60] else begin + 11
        if "PRIVATE KEY" not in text[begin : min(head, begin + 80)]:
            parts.append(text[done : begin + 11])
            done = begin + 11
            continue
        body = min(head + 5, len(text))
        end = text.find("-----END ", body)
        if end < 0:
            end = len(text)
        parts.append(text[done:body])
        parts.append(MASK)
        done = end
        if end == len(text):
            break
    parts.append(text[done:])
    return "".join(parts)


# The password is looked for over a bounded distance only, as many "://" without an "@" would make
# the scan quadratic. Longer than the longest tokens that are used as passwords (RDS: about 1,800).
_USERINFO = (
    r"(?:(?<=[A-Za-z0-9+.-]:)//)"
    r"(?:([^\s:/?#@\"'<>\[\]]{0,256}):(?![0-9]{1,5}(?:[/?#\s\"',]|$))([^\s\"'<>]{1,2048})@"
    r"|([^\s:/?#@\"'<>]{1,512})@)"
)


def _mask_userinfo_match(found: Match[str]) -> str:
    web = (
        found.string[max(0, found.start() - 6) : found.start()]
        .lower()
        .endswith(("http:", "https:"))
    )
    user, password, alone = found.groups()
    if alone is not None:
        return f"//{MASK}@" if web else found[0]
    if _has_any(password.partition("@")[0], "/?#") and password.partition("/")[0].isdigit():
        return found[0]
    return f"//{MASK}@" if web else f"//{user}:{MASK}@"


def _url_userinfo(rest: str) -> str:
    """Scheme, userinfo, host and path of a URL without the userinfo."""
    scheme, slashes, after = rest.partition("//")
    if not slashes:
        return rest
    authority, slash, path = after.partition("/")
    at = authority.rfind("@")
    if at >= 0:
        authority = MASK + authority[at:]
    return scheme + slashes + authority + slash + path


def _mask_card_match(found: Match[str]) -> str:
    """A run of digits, spaces and dashes with the card numbers in it masked."""
    run = found[0]
    text = found.string
    groups: list[tuple[int, int]] = []
    start = 0
    for at, char in enumerate(run):
        if char in " -":
            groups.append((start, at))
            start = at + 1
    groups.append((start, len(run)))
    parts = []
    done = first = 0
    while first < len(groups):
        digits = ""
        best = -1
        for last in range(first, len(groups)):
            digits += run[groups[last][0] : groups[last][1]]
            if len(digits) > 19:
                break
            if len(digits) >= 13 and _card_digits(digits):
                best = last
        if best >= 0 and not _decimals_follow(text, found.start() + groups[best][1]):
            parts.append(run[done : groups[first][0]])
            parts.append(MASK)
            done = groups[best][1]
            first = best + 1
        else:
            first += 1
    parts.append(run[done:])
    return "".join(parts)


def _decimals_follow(text: str, at: int) -> bool:
    return text[at : at + 1].isdigit()


def _card_digits(digits: str) -> bool:
    """Whether these 13 to 19 digits have an issuer's prefix for that length and pass Luhn."""
    if not digits.isascii() or not digits.isdigit():
        return False
    size = len(digits)
    two = int(digits[:2])
    four = int(digits[:4])
    if digits[0] == "4":
        fits = size in (13, 16, 18, 19)
    elif two in (34, 37):
        fits = size == 15
    elif two in (36, 38, 39) or 3000 <= four <= 3059 or four == 3095:
        fits = 14 <= size <= 19
    elif 51 <= two <= 55 or 2221 <= four <= 2720:
        fits = size == 16
    elif 3528 <= four <= 3589 or two in (60, 62, 64, 65, 81) or 2200 <= four <= 2204:
        fits = 16 <= size <= 19
    elif two in (50, 56, 57, 58, 59, 61, 63, 66, 67, 68, 69) or four == 9792:
        fits = size in (16, 18, 19)
    else:
        fits = False
    if not fits or digits.count(digits[0]) == size:
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) << (place & 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def _compile_named(stems: tuple[str, ...]) -> Pattern[str]:
    """The pattern of a secret name's end and the separator after it.

    Only how a name ends is looked for; ``_mask_named`` then reads back to where it begins and asks
    ``secret_key``. Names that the configuration adds are allowed to have their words in any style.
    """
    import re

    own = "".join("|" + "[_. -]?".join(map(re.escape, stem.split("_"))) for stem in stems)
    return re.compile(
        r"((?i:passw(?:or)?ds?|pwd|pass(?:phrase|code)?|passwd|secrets?|tokens?|jwt"
        r"|(?:api|private|secret|access|encryption|signing|master|account|shared|session|license)"
        r"[_ .-]?keys?"
        r"|signature|authori[sz]ation|auth|cookies?|credentials?|(?:session|jsession|phpsess)[_-]?id"
        r"|(?:security|pass|auth|mfa|verification|recovery|authorization|device)[_-]?code"
        r"|(?:card|account|routing|security|id)[_-]?number|password[_-]?(?:hash|digest|salt)"
        r"|confirmation|ssn|cvc2?|cvv2?|csc|[to]?otp|pin|iban|connection[_-]?string"
        + own
        + r")[0-9]{0,3})"
        r"(\\{0,4}[\"'`]?\]?\s{0,4}(?:=>|:=|=|:|%3[AaDd])|(?:\s[^<>\n]{0,120})?>(?=[^<\s]|\s*<!\[CDATA)"
        r"|[ ](?=[^\s=:-]))"
    )


_PLACEHOLDERS = ("?", "%s", "%(", "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9")
_CLOSING = {"[": "]", "{": "}", "(": ")"}
_HARMLESS = ("true", "false", "null", "none", "nil", "undefined")


def _value_span(text: str, at: int, separator: str, name: str) -> tuple[int, int]:
    """Where the value of a secret name begins and ends in ``text``; equal when there is none."""
    if separator.endswith(">") and not separator.endswith("=>"):
        end = text.find("</", at)
        end = len(text) if end < 0 else end
        return (at, at) if text[at:end] == MASK else (at, end)
    size = len(text)
    spaces = 0
    while at < size and text[at] in " \t\r\n+" and spaces < 64:
        at += 1
        spaces += 1
    if at >= size:
        return at, at
    if text.startswith((MASK, "…("), at):
        return at, at
    return _quoted_span(text, at) or _nested_span(text, at) or _bare_span(text, at, name)


def _quoted_span(text: str, at: int) -> tuple[int, int] | None:
    start = at
    while at < start + 3 and text[at : at + 1] in ("b", "B", "r", "R", "u", "U", "N"):
        at += 1
    slashes = at
    while text[at : at + 1] == "\\" and at < slashes + 8:
        at += 1
    quote = text[at : at + 1]
    if not quote or quote not in "\"'`":
        return None
    escape = text[slashes:at]
    begin = at + 1
    end = begin
    while True:
        end = text.find(quote, end)
        if end < 0:
            return begin, len(text)
        back = end
        while back > begin and text[back - 1] == "\\":
            back -= 1
        behind = end - back
        if (behind % 2 == 0) if not escape else behind <= len(escape):
            end = back if escape else end
            return (begin, begin) if text[begin:end] in ("", MASK) else (begin, end)
        end += 1


def _nested_span(text: str, at: int) -> tuple[int, int] | None:
    opening = text[at : at + 1]
    closing = _CLOSING.get(opening)
    if closing is None:
        return None
    depth = 0
    for place in range(at, len(text)):
        char = text[place]
        if char == opening:
            depth += 1
        elif char == closing:
            depth -= 1
            if depth == 0:
                inner = text[at + 1 : place].strip()
                return (at, at) if inner == "" else (at, place + 1)
    return at, len(text)


def _bare_span(text: str, at: int, name: str) -> tuple[int, int]:
    start = at
    low = name.lower()
    if low.startswith("cookie"):
        stops = "\r\n\"'<>"
    else:
        stops = " \t\r\n,;&\"'<>)}]"
        word_end = at
        while word_end < len(text) and word_end < at + 20 and text[word_end] not in stops:
            word_end += 1
        if text[at:word_end].lower() in _SCHEMES and text[word_end : word_end + 1] == " ":
            at = word_end + 1
            if text.startswith(MASK, at):
                return at, at
    end = at
    size = len(text)
    while end < size and text[end] not in stops:
        if text[end] == "%" and text[end + 1 : end + 3].lower() in ("26", "22", "0a"):
            break
        end += 1
    held = text[at:end]
    if not held or held == MASK or held.startswith(_PLACEHOLDERS):
        return start, start
    if held.rstrip(".").lower() in _HARMLESS:
        return start, start
    return at, end
