"""Takes secrets out of values before they are written anywhere.

Runs inside the job on everything that a span records, so it never raises, never prints and looks
at a bounded part of what it is given. ``re`` is imported on the first text that needs it. What is
masked and why stands in ``docs/reference/redaction.md``.
"""

from __future__ import annotations

from autotrace.agent.secret_names import (
    EXACT,
    HEADERS,
    NAME_LIMIT,
    SCHEMES,
    URL_PARAMETERS,
    fold,
    is_secret,
)
from autotrace.agent.secret_pairs import mask_pairs
from autotrace.agent.secret_patterns import (
    MASK,
    is_card,
    mask_cards,
    mask_emails,
    mask_private_keys,
    mask_tokens,
    mask_userinfo,
    may_hold_card,
    suspicious,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from re import Pattern
    from typing import Any

TEXT_LIMIT = 16_384
"""Characters of a free text (an error message, a traceback) that are kept unless told otherwise."""

VALUE_LIMIT = 1_024
"""Characters of a field's value that are kept."""

HEADER_LIMIT = 64
"""Headers of one request or response that are kept."""

# What is scanned beyond a limit: a secret that begins before the limit is recognised although it
# ends after it. Longer than the shortest recognisable piece of every pattern.
_MARGIN = 256
_KEY_CACHE = 2_048
_ROUNDS = 5


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
        "_emails",
        "_exact",
        "_headers",
        "_keep",
        "_names",
        "_options",
        "_own",
        "_stems",
        "_wary",
        "prefixes",
        "remembered",
    )

    def __init__(
        self,
        keys: Iterable[str] = (),
        patterns: Iterable[str] = (),
        keep: Iterable[str] = (),
        emails: str = "keep",
        headers: Iterable[str] = (),
    ) -> None:
        more, own, spared, named = map(_strings, (keys, patterns, keep, headers))
        self._options = (more, own, spared, emails, named)
        folded = frozenset(filter(None, map(fold, more)))
        self._exact = EXACT | folded
        # The last word of each name, which is enough to find where the name may stand in a text.
        self._stems = tuple({name.rpartition("_")[2] for name in folded})
        self._keep = frozenset(map(fold, spared))
        self._headers = HEADERS.union(name.strip().lower() for name in named)
        self._emails = emails if emails in ("hash", "drop") else "keep"
        self._own = _compiled(own) if own else ()
        self._wary = bool(self._stems or self._own or self._emails != "keep")
        self._names: dict[str, bool] = {}
        self.prefixes: dict[str, dict[Any, tuple[str, int]]] = {}
        """What ``fields`` knows of the names under a prefix, which depends on these settings."""
        self.remembered = 0
        """How many names that are, about."""

    def extended(self, keys: Iterable[str] = (), keep: Iterable[str] = ()) -> Redactor:
        """Another redactor with these names added: for what only one vendor calls a secret.

        ``keys`` and ``keep`` are as for the class, but ``keys`` are looked for among fields and not
        in free text, where a vendor's names (``number``, ``url``) are ordinary words. Make it once
        and keep it.
        """
        more, patterns, spared, emails, headers = self._options
        made = Redactor(more + _strings(keys), patterns, spared + _strings(keep), emails, headers)
        made._stems, made._wary = self._stems, self._wary
        return made

    def secret_key(self, name: object) -> bool:
        """Whether a field of this name holds a secret.

        ``name`` may be in any spelling (``apiKey``, ``API-Key``, ``user[api_key]``); anything but
        a string is not secret. Booleans under a secret name are no secret, see ``value``.
        """
        if type(name) is not str:
            name = plain(name, 4 * NAME_LIMIT)
        known = self._names.get(name)
        if known is None:
            try:
                known = is_secret(name, self._exact, self._keep)
                if len(name) <= NAME_LIMIT:
                    if len(self._names) >= _KEY_CACHE:
                        self._names.clear()
                    self._names[name] = known
            except Exception:
                return True
        return known

    def text(self, value: str, limit: int = TEXT_LIMIT) -> str:
        """Free text with every secret in it masked, of at most ``limit`` characters.

        A text that was cut ends in a mark such as ``…(1,234 more)``. Returns the very same object
        when there was nothing to do. Anything but a str or bytes gives an empty string.
        """
        if type(value) is not str:
            value = plain(value, limit + _MARGIN + 1)
        size = len(value)
        if size < 6:
            return value if value.isascii() else _valid(value)
        try:
            if size <= limit:
                if suspicious(value) or self._wary:
                    value = clip_text(self._scrub(value, False), limit)
                return value if value.isascii() else _valid(value)
            head = _valid(value[: limit + _MARGIN])
            cut = size > limit + _MARGIN
            if suspicious(head) or self._wary or (cut and "://" in head):
                head = self._scrub(head, cut)
            if cut:
                # The window's end may hold the first half of something that was not recognised.
                head = head[: max(0, len(head) - _MARGIN)]
                return _marked(head, limit, size)
            return clip_text(head, limit)
        except Exception:
            return MASK

    def _scrub(self, text: str, cut: bool) -> str:
        """``text`` with the patterns applied; ``cut`` when it goes on where we cannot see.

        What is masked may uncover something else, as a token that a card number ran into; so until
        nothing changes any more.
        """
        for _ in range(_ROUNDS):
            before = text
            text = self._scrub_once(text, cut)
            if text == before:
                break
            cut = False
        return text

    def _scrub_once(self, text: str, cut: bool) -> str:
        if "-----BEGIN" in text:
            text = mask_private_keys(text)
        if "://" in text:
            text = mask_userinfo(text, cut)
        text = mask_tokens(text, cut)
        if may_hold_card(text):
            text = mask_cards(text)
        if "=" in text or ":" in text or ">" in text or "%3" in text or "--" in text:
            text = mask_pairs(text, self.secret_key, self._stems)
        for pattern in self._own:
            text = pattern.sub(MASK, text)
        if self._emails != "keep" and "@" in text:
            text = mask_emails(text, self._emails == "hash")
        return text

    def url(self, value: str, limit: int = VALUE_LIMIT) -> str:
        """A URL without credentials: userinfo, secret and signing parameters, secret fragments.

        The names of parameters stay. Relative URLs and bare paths are fine. The result has at most
        ``limit`` characters.
        """
        try:
            window = 4 * limit + _MARGIN
            if type(value) is not str:
                value = plain(value, window + 1)
            size = len(value)
            head = _valid(value[:window])
            rest, hash_mark, fragment = head.partition("#")
            rest, question, query = rest.partition("?")
            if "@" in rest:
                rest = _without_userinfo(rest)
            if query:
                query = self._parameters(query, rest)
            if "=" in fragment:
                fragment = self._parameters(fragment, rest)
            whole = rest + question + query + hash_mark + fragment
            cut = size > window
            if suspicious(whole) or self._wary or (cut and "://" in whole):
                whole = self._scrub(whole, cut)
                rest, question, query = whole.partition("?")
                whole = _without_userinfo(rest) + question + query
            if cut:
                return _marked(whole[: max(0, len(whole) - _MARGIN)], limit, size)
            return clip_text(whole, limit)
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
        name = name[-4 * NAME_LIMIT :]
        if "%" in name:
            name = unquote(name)
        if self.secret_key(name):
            return value.lower() not in ("true", "false")
        folded = fold(name[-NAME_LIMIT:])
        if folded in self._keep:
            return False
        if folded.replace("_", "") in URL_PARAMETERS:
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
                key = plain(name, NAME_LIMIT).strip().lower()
                held = self._header(key, value)
                into[key] = clip_text(f"{into[key]}, {held}" if key in into else held, VALUE_LIMIT)
                if len(into) >= HEADER_LIMIT:
                    break
        except Exception:
            # A dict that another thread changes meanwhile: what was read of it is good.
            return into
        return into

    def _header(self, name: str, value: object) -> str:
        text = plain(value)
        if fold(name) not in self._keep and (name in self._headers or self.secret_key(name)):
            scheme, space, rest = text[:NAME_LIMIT].strip().partition(" ")
            if space and rest and scheme.lower() in SCHEMES:
                return f"{scheme} {MASK}"
            return MASK if text else ""
        if name in ("location", "content-location", "referer", "origin"):
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
            if kind is int or kind is float:
                return MASK if is_card(v) else v  # type: ignore[arg-type]
            if issubclass(kind, (str, bytes, bytearray)):
                return self.text(plain(v), VALUE_LIMIT)
            return type_mark(v)
        except Exception:
            return MASK


_type_name: Callable[[type], str] = type.__dict__["__name__"].__get__


def type_mark(value: object) -> str:
    """The name of a value's type as a mark, such as ``<Connection>``; never calls the value."""
    try:
        return f"<{_type_name(type(value))[:100]}>"
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


def clip_text(text: str, limit: int) -> str:
    """``text`` cut to ``limit`` characters, with a mark that says how many are missing."""
    size = len(text)
    return text if size <= limit else _marked(text[:limit], limit, size)


def _marked(head: str, limit: int, size: int) -> str:
    """The beginning of a text of ``size`` characters, with a mark for what is missing of it."""
    room = max(0, limit - 24)
    kept = head[:room]
    # Half a mask would be taken for a secret's value the next time.
    opening = kept.rfind("[", max(0, len(kept) - len(MASK) + 1))
    if opening >= 0 and MASK.startswith(kept[opening:]):
        kept = kept[:opening]
    return f"{kept}…({max(1, size - len(kept)):,} more)"[: max(0, limit)]


def unquote(text: str) -> str:
    """A percent-encoded name decoded; what is not valid stays as it is."""
    parts = text.split("%")
    raw = bytearray(parts[0].encode("utf-8", "replace"))
    for part in parts[1:]:
        try:
            raw.append(int(part[:2], 16) if part[:2].isalnum() and len(part) > 1 else -1)
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
    for source in patterns:
        try:
            pattern = re.compile(source)
        except (re.error, RecursionError, OverflowError):
            continue
        if pattern.match("") is None:
            good.append(pattern)
    return tuple(good)


def _valid(text: str) -> str:
    """``text`` without lone surrogates, which no UTF-8 writer takes."""
    if text.isascii():
        return text
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()


def _pairs(mapping: Any) -> Iterator[tuple[object, object]]:
    from itertools import islice

    kind = type(mapping)
    items: Iterable[object]
    if issubclass(kind, dict):
        items = dict.items(mapping)
    elif issubclass(kind, list):
        items = list.__iter__(mapping)
    elif issubclass(kind, tuple):
        items = tuple.__iter__(mapping)
    else:
        return
    for item in islice(items, 4 * HEADER_LIMIT):
        if type(item) is tuple and len(item) == 2:
            yield item
        elif type(item) is list and len(item) == 2:
            yield item[0], item[1]


def _without_userinfo(rest: str) -> str:
    """Scheme, authority and path of a URL without the userinfo."""
    scheme, slashes, after = rest.partition("//")
    if not slashes:
        return rest
    authority, slash, path = after.partition("/")
    at = authority.rfind("@")
    if at >= 0:
        authority = MASK + authority[at:]
    return scheme + slashes + authority + slash + path
