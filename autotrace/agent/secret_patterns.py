"""What secrets look like by themselves: vendors' tokens, card numbers, keys, URLs with passwords.

Every function takes a text of bounded length and gives it back with the secrets in it masked, in
time linear to its length. Patterns are compiled when first needed, and each begins with characters
that can be searched for quickly.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Match, Pattern

MASK = "[redacted]"
"""What stands where a secret was."""

_compiled: dict[str, Pattern[str]] = {}


def compiled(source: str) -> Pattern[str]:
    """A pattern of ours, compiled once."""
    pattern = _compiled.get(source)
    if pattern is None:
        import re

        pattern = _compiled[source] = re.compile(source)
    return pattern


# Where a token's first letters stand in the middle of a word it is none: task_live_…


def _starts(first: str) -> str:
    return f"{first}(?<![A-Za-z0-9]{first})"


# A piece of text that has to be there, and a pattern whose first group is kept of what it matches.
# None has two neighbouring repeats over the same characters, so that a scan is linear.
_TOKENS: tuple[tuple[str, str], ...] = (
    ("_live_", "(" + _starts("[sre]") + r"k_live_)[A-Za-z0-9_]{3,}"),
    ("_test_", "(" + _starts("[sre]") + r"k_test_)[A-Za-z0-9_]{3,}"),
    ("k_", "(" + _starts("[sr]") + r"k_)(?!live_|test_)(?=[A-Za-z]{0,40}[0-9])[A-Za-z0-9]{16,}"),
    ("whsec_", "(" + _starts("w") + r"hsec_)[A-Za-z0-9+/_-]{8,}=*"),
    ("_secret_", r"(_secret_)(?=[a-z]{0,40}[0-9A-Z])[A-Za-z0-9]{10,}"),
    ("xox", "(" + _starts("x") + r"ox[a-z](?:\.xox[a-z])?-)[A-Za-z0-9-]{6,}"),
    ("xapp-", "(" + _starts("x") + r"app-)[A-Za-z0-9-]{10,}"),
    ("gh", "(" + _starts("g") + r"h[a-z]_)[A-Za-z0-9]{16,}"),
    ("github_pat_", "(" + _starts("g") + r"ithub_pat_)[A-Za-z0-9_]{16,}"),
    (
        "gl",
        "(" + _starts("g") + r"l(?:pat|ptt|dt|rt|cbt|agent|oas|soat|ft|imt)-)[A-Za-z0-9_.-]{16,}",
    ),
    ("npm_", "(" + _starts("n") + r"pm_)[A-Za-z0-9]{30,}"),
    ("pypi-", "(" + _starts("p") + r"ypi-)[A-Za-z0-9_-]{40,}"),
    ("shp", "(" + _starts("s") + r"hp(?:at|ca|pa|ss)_)[A-Za-z0-9]{16,}"),
    ("AKIA", "(" + _starts("A") + r"KIA)[A-Z0-9]{12,}"),
    ("ASIA", "(" + _starts("A") + r"SIA)[A-Z0-9]{12,}"),
    ("AIza", "(" + _starts("A") + r"Iza)[A-Za-z0-9_-]{30,}"),
    ("ya29.", "(" + _starts("y") + r"a29\.)[A-Za-z0-9_-]{16,}"),
    ("GOCSPX-", "(" + _starts("G") + r"OCSPX-)[A-Za-z0-9_-]{16,}"),
    ("SG.", "(" + _starts("S") + r"G\.)[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    (
        "eyJ",
        "(" + _starts("e") + r"yJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,3}",
    ),
    (
        "00D",
        r"(0(?<![A-Za-z0-9]0)0D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?(?:!|%21))[A-Za-z0-9_.%-]{8,}",
    ),
    (
        "sk-",
        "(" + _starts("s") + r"k-(?:proj-|ant-|or-|svcacct-|admin-)?)[A-Za-z0-9_-]{16,}",
    ),
    ("pat-", "(" + _starts("p") + r"at-(?:na|eu|ap)[0-9]-)[0-9a-fA-F-]{20,}"),
    ("pat", "(" + _starts("p") + r"at)[A-Za-z0-9]{14}\.[0-9a-f]{32,}"),
    ("sq0", "(" + _starts("s") + r"q0[a-z]{3}-)[A-Za-z0-9_-]{16,}"),
    ("EAA", "(" + _starts("E") + r"AA)[A-Za-z0-9_-]{40,}"),
    ("dG9r", "(" + _starts("d") + r"G9r)[A-Za-z0-9+/_-]{20,}=*"),
    ("xkeysib-", "(" + _starts("x") + r"keysib-)[A-Za-z0-9_-]{32,}"),
    ("key-", "(" + _starts("k") + r"ey-)[0-9a-f]{32}"),
    ("secret_", "(" + _starts("s") + r"ecret_)[A-Za-z0-9]{30,}"),
    ("ntn_", "(" + _starts("n") + r"tn_)[A-Za-z0-9]{30,}"),
    ("hf_", "(" + _starts("h") + r"f_)[A-Za-z0-9]{30,}"),
    ("_v1_", "(" + _starts("d") + r"o[opr]_v1_)[A-Za-z0-9]{30,}"),
    ("lin_api_", "(" + _starts("l") + r"in_api_)[A-Za-z0-9]{30,}"),
    ("pscale_tkn_", "(" + _starts("p") + r"scale_tkn_)[A-Za-z0-9_-]{30,}"),
    ("hvs.", "(" + _starts("h") + r"vs\.)[A-Za-z0-9_-]{20,}"),
    ("ATATT3", "(" + _starts("A") + r"TATT3)[A-Za-z0-9_=-]{20,}"),
    ("/bot", r"(/bot[0-9]{6,12}:)[A-Za-z0-9_-]{20,}"),
    ("hooks.slack", r"(hooks\.slack(?:-gov)?\.com/[a-z]{1,20}/)[A-Za-z0-9_/%-]{6,}"),
    (
        "/webhooks/",
        r"(discord(?:app)?\.com/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{1,24}/)[A-Za-z0-9_-]{8,}",
    ),
    ("/webhookb2/", r"(\.webhook\.office\.com/webhookb2/)[^\s\"'<>\[]{8,}"),
)
_BASIC = r"([Bb](?<![A-Za-z0-9].)(?:asic|ASIC)[ \t]{1,4})([A-Za-z0-9+/_-]{4,}={0,2})"
_BEARER = r"([Bb](?<![A-Za-z0-9].)(?:earer|EARER)[ \t]{1,4})([^\s,;\"'<>&)(\[\]{}\\?=]{6,}=*)"

# Words after Bearer that go on with a sentence.
_BEARER_WORDS = frozenset(
    (
        "authenticated",
        "authentication",
        "authorization",
        "authorized",
        "challenge",
        "credential",
        "credentials",
        "format",
        "header",
        "headers",
        "scheme",
        "security",
        "tokens",
    )
)

# The same as is tried piece by piece on longer texts.
_NAMES = (
    "pass|pwd|se(?:cret|ss|cur)|token|key|auth|c(?:o(?:ok|de|nnection)|re(?:d)|v[cv]|sc|ard)"
    "|ssn|number|bearer|signature|jwt|otp|pin|iban|/bot|@"
)

# For bytes.translate: every digit and every character that may stand between the digits of a card
# becomes a "0", anything else a ".".
_CARD_TABLE = bytes(48 if chr(i) in "0123456789 -" else 46 for i in range(256))
_CARD_RUN = b"0" * 13
# Starts of a card number that are tried in one text.
_CARD_TRIES = 400


def suspicious(text: str) -> bool:
    """A quick look: whether a text may hold a secret, by its looks or by a name before it.

    Most texts have none, so this is what redaction costs. Single characters are tried before the
    longer pieces that need them.
    """
    if len(text) >= 11:
        if "_" in text and (
            "k_" in text
            or "sec_" in text
            or "ret_" in text
            or "gh" in text
            or "pat_" in text
            or "npm_" in text
            or "shp" in text
            or "ntn_" in text
            or "hf_" in text
            or "v1_" in text
            or "api_" in text
            or "tkn_" in text
        ):
            return True
        if "-" in text and (
            "xox" in text
            or "xapp-" in text
            or "gl" in text
            or "sk-" in text
            or "--" in text
            or "pat-" in text
            or "pypi-" in text
            or "sib-" in text
            or "key-" in text
            or "sq0" in text
            or "OCSPX-" in text
        ):
            return True
        if "A" in text and (
            "AKIA" in text
            or "ASIA" in text
            or "AIza" in text
            or "EAA" in text
            or "ATATT" in text
            or "BASIC" in text
            or "BEARER" in text
        ):
            return True
        if "J" in text and "eyJ" in text:
            return True
        if "G" in text and ("SG." in text or "dG9r" in text):
            return True
        if "D" in text and "00D" in text:
            return True
        if "asic " in text or "earer " in text:
            return True
        if "." in text and (
            "ya29." in text
            or "hvs." in text
            or "hooks.s" in text
            or "webhook" in text
            or "pat" in text
        ):
            return True
        raw = text.encode() if text.isascii() else text.encode("ascii", "replace")
        if _CARD_RUN in raw.translate(_CARD_TABLE):
            return True
    if "=" in text or ":" in text or ">" in text or "%3" in text:
        low = text.lower()
        if len(low) < 32:
            return compiled(_NAMES).search(low) is not None
        return (
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
            or "csc" in low
            or "ssn" in low
            or "code" in low
            or "number" in low
            or "secur" in low
            or "card" in low
            or "bearer" in low
            or "signature" in low
            or "jwt" in low
            or "otp" in low
            or "pin" in low
            or "iban" in low
            or "connection" in low
            or "/bot" in low
            or ("@" in low and "://" in low)
        )
    return False


def mask_tokens(text: str, cut: bool) -> str:
    """Mask tokens of known shapes; ``cut`` when the text goes on where it cannot be seen."""
    for trigger, source in _TOKENS:
        if trigger in text:
            text = compiled(source).sub(_keep_first, text)
    low = text.lower()
    if "basic" in low:
        text = compiled(_BASIC).sub(_mask_basic, text)
    if "bearer" in low:
        text = compiled(_BEARER).sub(_mask_bearer, text)
    if cut:
        at = text.rfind("eyJ")
        tail = text[at + 3 :] if at >= 0 else ""
        # The first part of a JWT may be longer than what is seen of it.
        if len(tail) > 40 and tail.replace("-", "").replace("_", "").isalnum():
            text = text[: at + 3] + MASK
    return text


def _keep_first(found: Match[str]) -> str:
    return found[1] + MASK


def _mask_bearer(found: Match[str]) -> str:
    word = found[2].partition("=")[0].strip(".:!?").lower()
    return found[0] if word in _BEARER_WORDS else found[1] + MASK


def _mask_basic(found: Match[str]) -> str:
    """Mask base64 of ``user:password``, and leave words such as ``Basic subscription``."""
    from binascii import a2b_base64

    whole = found[2].rstrip("=").replace("-", "+").replace("_", "/")
    whole = whole[: len(whole) - (len(whole) % 4 == 1)]
    try:
        decoded = a2b_base64(whole + "=" * (-len(whole) % 4))
    except ValueError:
        return found[0]
    return found[1] + MASK if b":" in decoded else found[0]


def mask_private_keys(text: str) -> str:
    """Mask private keys between their BEGIN and END lines, or up to the end of the text."""
    parts = []
    done = at = 0
    while True:
        begin = text.find("-----BEGIN ", at)
        if begin < 0:
            break
        head = text.find("-----", begin + 11, begin + 80)
        name = text[begin : begin + 80 if head < 0 else head]
        if "PRIVATE KEY" not in name:
            at = begin + 11
            continue
        body = begin + len(name) if head < 0 else head + 5
        end = text.find("-----END ", body)
        if end < 0:
            end = len(text)
        parts.append(text[done:body])
        parts.append(MASK)
        done = at = end
    parts.append(text[done:])
    return "".join(parts)


# The password is looked for over a bounded distance only, as many "://" without an "@" would make
# the scan quadratic. Longer than the longest tokens that are used as passwords (RDS: about 1,800).
_USERINFO = (
    r"://(?:([^\s:/?#@\"'<>\[\]]{0,256}):(?![0-9]{1,5}(?:[/?#\s\"',]|$))([^\s\"'<>]{1,2048})@"
    r"|([^\s:/?#@\"'<>]{1,512})@)"
)
_NOT_IN_AUTHORITY = frozenset("/?#@ \t\r\n\"'<>")


def mask_userinfo(text: str, cut: bool) -> str:
    """Mask the password in ``scheme://user:password@host``, and the user as well for http(s)."""
    if "@" in text:
        text = compiled(_USERINFO).sub(_mask_userinfo, text)
    if cut:
        start = text.rfind("://")
        colon = text.find(":", start + 3)
        if colon >= 0 and _NOT_IN_AUTHORITY.isdisjoint(text[start + 3 :]):
            text = text[: colon + 1] + MASK
    return text


def _mask_userinfo(found: Match[str]) -> str:
    user, password, alone = found.groups()
    scheme = found.string[max(0, found.start() - 5) : found.start()].lower()
    web = scheme.endswith(("http", "https"))
    if alone is not None:
        return f"://{MASK}@" if web else found[0]
    before = password.partition("@")[0]
    if before.partition("/")[0].isdigit() and not {"/", "?", "#"}.isdisjoint(before):
        # A port, and an address later in the path.
        return found[0]
    return f"://{MASK}@" if web else f"://{user}:{MASK}@"


def may_hold_card(text: str) -> bool:
    """Whether a text has 13 digits, spaces and dashes in a row."""
    return _CARD_RUN in text.encode("ascii", "replace").translate(_CARD_TABLE)


def mask_cards(text: str) -> str:
    """Mask card numbers, whatever way their digits are grouped by spaces and dashes."""
    tries = [_CARD_TRIES]
    return compiled(r"[0-9](?<![0-9][0-9])(?<![0-9]\.[0-9])(?:[ -]?[0-9]){12,}").sub(
        lambda found: _mask_run(found[0], tries), text
    )


def _mask_run(run: str, tries: list[int]) -> str:
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
        if tries[0] <= 0:
            # Nobody writes so many groups of digits: mask rather than go on.
            parts.append(run[done : groups[first][0]])
            parts.append(MASK)
            return "".join(parts)
        digits = ""
        best = -1
        for last in range(first, len(groups)):
            digits += run[groups[last][0] : groups[last][1]]
            if len(digits) > 19:
                break
            if len(digits) >= 13:
                tries[0] -= 1
                if is_card_number(digits):
                    best = last
        if best >= 0:
            parts.append(run[done : groups[first][0]])
            parts.append(MASK)
            done = groups[best][1]
            first = best + 1
        else:
            first += 1
    parts.append(run[done:])
    return "".join(parts)


def is_card(number: int | float) -> bool:
    """Whether a number is that of a payment card: 14 to 19 digits, an issuer's prefix, Luhn.

    Of 13 digits are the identifiers of shops and the milliseconds since 1970.
    """
    if not 10**13 <= number < 10**19:
        return False
    return is_card_number(str(int(number)))


def is_card_number(digits: str) -> bool:
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


def mask_emails(text: str, digest: bool) -> str:
    """Replace email addresses by ``[email 1f0c…]``, a digest, or by the mask."""
    return compiled(
        r"(?<![A-Za-z0-9_.+-])[\w.+'%-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
    ).sub(_digest if digest else _mask_all, text)


def _mask_all(found: Match[str]) -> str:
    return MASK


def _digest(found: Match[str]) -> str:
    address = found[0].lower().encode("utf-8", "replace")
    try:
        from _blake2 import blake2s
    except ImportError:
        from hashlib import blake2s
    return f"[email {blake2s(address, digest_size=6).hexdigest()}]"
