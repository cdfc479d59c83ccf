"""Turns the values of a request or a response into flat fields: bounded, ordered, without secrets.

Runs inside the job on whatever the program passes around, so it never raises and calls no code of
the program's: only built-in types and subclasses of them are looked into, through the built-in
types' own methods. How much is kept and in what order stands in ``docs/reference/redaction.md``.
"""

from __future__ import annotations

import sys
from itertools import islice

from autotrace.agent.redact import VALUE_LIMIT, Redactor, clip_text, plain, type_mark
from autotrace.agent.secret_patterns import MASK, is_card

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

LIMIT = 64
"""Fields of one payload that are kept."""

DEPTH = 4
"""Names below the prefix that one field's name is made of at most."""

ITEMS = 10
"""Items of a list that are kept."""

BODY_LIMIT = 65_536
"""Bytes or characters of a body that are parsed; of a longer one only the size is kept."""

CUT = "autotrace.cut"
"""Name, below the prefix, of the number of fields that were left out."""

_KEYS = 512
_PAIRS = 256
_NAMES = 4_096
_NAME_LIMIT = 128
_INT_MAX = 2**63

_ID, _KIND, _PLAIN, _SECRET = range(4)
_IDS = frozenset(("id", "Id", "ID", "_id", "uuid", "guid", "gid", "sid"))
_KINDS = frozenset(("object", "type", "status", "code"))


def flatten(
    prefix: str,
    value: object,
    into: dict[str, Any],
    limit: int = LIMIT,
    depth: int = DEPTH,
    redact: Redactor | None = None,
) -> None:
    """Add the fields of ``value`` to ``into``, named ``prefix.name.name``, secrets masked.

    ``value`` may be anything. A dict gives a field for each of its scalars, identifiers first, then
    ``object``, ``type``, ``status`` and ``code``, then the others, then what its containers hold,
    level by level, at most ``depth`` names deep; None is left out. A list of scalars gives its
    first 10 and a ``.count``; a list of dicts a ``.count`` and the first 10 ids as ``.ids``. A
    scalar becomes the field ``prefix`` itself. No more than ``limit`` fields are added; where some
    were left out, one of them is ``prefix.autotrace.cut`` with their number.

    Values are str, bool, int, float, or lists of one of these. ``redact`` is the redactor to use;
    without it that of this process. Never raises.
    """
    try:
        if limit > 0:
            _flatten(prefix, value, into, limit, depth, redact or _process_redactor())
    except Exception:
        # A dict that another thread changed under our hands, or no memory: keep what there is.
        into.setdefault(f"{prefix}.{CUT}", 1)


def clip(text: str, limit: int = VALUE_LIMIT) -> str:
    """``text`` cut to at most ``limit`` characters; one that was cut ends in ``…(1,234 more)``.

    Anything but a str or bytes gives an empty string. Does not mask secrets.
    """
    return clip_text(text if type(text) is str else plain(text), limit)


def body(
    prefix: str,
    data: object,
    content_type: object,
    into: dict[str, Any],
    limit: int = LIMIT,
    redact: Redactor | None = None,
) -> None:
    """Add the fields of the body of an HTTP request or response, and its size as ``prefix.size``.

    ``data`` is str or bytes (or None: nothing is added); a stream or a file is not looked at.
    ``content_type`` is the header's value. JSON and form fields are flattened as ``flatten`` does;
    of anything else, of what does not parse, and of more than 64 KiB only the size is kept (in
    bytes, or in characters where the program gave a str). Never raises.
    """
    try:
        kind = type(data)
        if not issubclass(kind, (str, bytes, bytearray)):
            return
        size = _length(data)
        into[f"{prefix}.size"] = size
        if not 0 < size <= BODY_LIMIT:
            return
        declared = plain(content_type)[:256].partition(";")[0].strip().lower()
        if declared.endswith(("/json", "+json")):
            parsed = _parse_json(plain(data))
        elif declared == "application/x-www-form-urlencoded":
            parsed = _parse_form(plain(data))
        else:
            return
        flatten(prefix, parsed, into, limit, DEPTH, redact)
    except Exception:
        # A body that says it is JSON and isn't: its size is all there is to say.
        return


_fallback: Redactor | None = None


def _process_redactor() -> Redactor:
    """The redactor that the configuration made; one of defaults where the agent is not on."""
    global _fallback
    switch: Any = sys.modules.get("autotrace.agent.switch")
    if switch is not None:
        try:
            configured: Redactor = switch.redactor()
            return configured
        except Exception:
            switch = None
    if _fallback is None:
        _fallback = Redactor()
    return _fallback


def _flatten(
    prefix: str, value: Any, into: dict[str, Any], limit: int, depth: int, redact: Redactor
) -> None:
    room = limit
    dropped = 0
    prefixes = redact.prefixes
    text = redact.text
    if type(value) is not dict:
        plain_dict = _as_dict(value)
        if plain_dict is None:
            room -= _leaf(prefix, value, into, room, redact)
            return
        value = plain_dict
    level = 0
    nodes: list[tuple[str, Any]] = [(prefix, value)]
    while nodes:
        level += 1
        below: list[tuple[str, Any]] = []
        for path, node in nodes:
            size = dict.__len__(node)
            if room <= 0:
                dropped += size
                continue
            names = prefixes.get(path)
            if names is None:
                names = prefixes[path] = _room(redact)
            ids: dict[str, Any] = {}
            kinds: dict[str, Any] = {}
            others: dict[str, Any] = {}
            if size > _KEYS:
                dropped += size - _KEYS
                items: Iterable[tuple[Any, Any]] = islice(dict.items(node), _KEYS)
            else:
                items = dict.items(node)
            for key, held in items:
                if held is None:
                    continue
                if type(key) is str:
                    known = names.get(key)
                    if known is None:
                        known = _name(path, key, names, redact)
                else:
                    known = _name(path, _key_text(key), names, redact)
                full, rank = known
                kind = type(held)
                if rank == 3:
                    if kind is bool:
                        others[full] = held
                    elif kind is str and not held:
                        others[full] = ""
                    else:
                        others[full] = MASK
                    continue
                if kind is str:
                    if len(others) >= room and rank == 2:
                        dropped += 1
                        continue
                    if len(held) >= 6:
                        held = text(held, VALUE_LIMIT)
                elif kind is bool:
                    pass
                elif kind is int:
                    if not -10_000_000_000_000 < held < 10_000_000_000_000:
                        held = _integer(held)
                elif kind is dict:
                    if held:
                        below.append((full, held))
                    continue
                elif kind is list:
                    below.append((full, held))
                    continue
                else:
                    if _is_container(kind):
                        below.append((full, held))
                        continue
                    if len(others) >= room and rank == 2:
                        dropped += 1
                        continue
                    held = _scalar(held, redact)
                if rank == 2:
                    others[full] = held
                elif rank == 0:
                    ids[full] = held
                else:
                    kinds[full] = held
            for group in (ids, kinds, others):
                count = len(group)
                if count <= room:
                    into.update(group)
                    room -= count
                else:
                    into.update(islice(group.items(), max(room, 0)))
                    dropped += count - max(room, 0)
                    room = 0
        nodes = []
        for full, held in below:
            if room <= 0:
                dropped += 1
                continue
            node = held if type(held) is dict else _as_dict(held)
            if node is None:
                room -= _leaf(full, held, into, room, redact)
            elif level < depth:
                nodes.append((full, node))
            else:
                into[full] = _mark(node)
                room -= 1
    if dropped:
        if room <= 0:
            last = next(reversed(into))
            if last.startswith(prefix):
                del into[last]
                dropped += 1
        into[f"{prefix}.{CUT}" if prefix else CUT] = dropped


def _room(redact: Redactor) -> dict[Any, tuple[str, int]]:
    """Count one name or prefix more, and forget all of them when they are too many."""
    if redact.remembered >= _NAMES:
        redact.prefixes.clear()
        redact.remembered = 0
    redact.remembered += 1
    return {}


def _name(
    path: str, key: str, names: dict[Any, tuple[str, int]], redact: Redactor
) -> tuple[str, int]:
    """A key's full name and rank, remembered under its path."""
    clean = redact.text(key, _NAME_LIMIT)
    if not clean.isprintable():
        clean = "".join(char if char.isprintable() else "_" for char in clean)
    clean = clean.replace(".", "_") or "_"
    if redact.secret_key(key):
        rank = _SECRET
    elif key in _IDS or key.endswith(("_id", "Id", "_uuid")):
        rank = _ID
    elif key in _KINDS or key.lower() in _KINDS:
        rank = _KIND
    else:
        rank = _PLAIN
    known = (f"{path}.{clean}" if path else clean, rank)
    if len(key) <= _NAME_LIMIT:
        _room(redact)
        names[key] = known
    return known


def _key_text(key: Any) -> str:
    """A dict's key that is not a plain string, as one."""
    kind = type(key)
    if kind is int or kind is bool or kind is float or key is None:
        return str(_integer(key) if kind is int else key)
    return plain(key, 4 * _NAME_LIMIT) or type_mark(key)


def _is_container(kind: type) -> bool:
    return issubclass(kind, (dict, list, tuple, set, frozenset))


def _as_dict(value: Any) -> dict[Any, Any] | None:
    """The dict that a value is; None if it is none."""
    return value if issubclass(type(value), dict) else None


def _mark(node: dict[Any, Any]) -> str:
    size = dict.__len__(node)
    return "{1 field}" if size == 1 else f"{{{size:,} fields}}"


def _items(value: Any, count: int) -> tuple[list[Any], int]:
    """The first items of a list, tuple or set, and how many it has."""
    for base in (list, tuple, set, frozenset):
        if issubclass(type(value), base):
            return list(islice(base.__iter__(value), count)), base.__len__(value)
    return [], 0


def _leaf(full: str, value: Any, into: dict[str, Any], room: int, redact: Redactor) -> int:
    """Add the fields of a scalar or a list; how many they are."""
    if value is None:
        return 0
    if not _is_container(type(value)):
        into[full] = _scalar(value, redact)
        return 1
    first, size = _items(value, ITEMS)
    if room > 1:
        kept = _list(first, redact)
        if kept is not None and kept[1]:
            into[full + kept[0]] = kept[1]
            into[full + ".count"] = size
            return 2
    into[full + ".count"] = size
    return 1


def _list(first: list[Any], redact: Redactor) -> tuple[str, list[Any]] | None:
    """What is kept of a list's first items: ``.ids`` of dicts, or the scalars themselves."""
    dicts = [node for node in map(_as_dict, first) if node is not None]
    if dicts:
        found = []
        for node in dicts:
            for key in ("id", "Id", "ID", "_id", "uuid", "guid", "gid", "sid"):
                held = dict.get(node, key)
                if held is not None and not _is_container(type(held)):
                    found.append(_scalar(held, redact))
                    break
        return ".ids", _alike(found)
    return "", _alike(
        [
            "null"
            if held is None
            else f"[{_items(held, 0)[1]:,} items]"
            if _is_container(type(held))
            else _scalar(held, redact)
            for held in first
        ]
    )


def _alike(values: list[Any]) -> list[Any]:
    """The same values, all of one type."""
    kinds = {type(value) for value in values}
    if len(kinds) < 2:
        return values
    if kinds == {int, float}:
        return [float(value) for value in values]
    return [str(value).lower() if type(value) is bool else str(value) for value in values]


def _integer(number: int) -> int | str:
    """A whole number as it may be kept: as text beyond 64 bits, masked if it is a card's."""
    if -_INT_MAX <= number < _INT_MAX:
        return MASK if is_card(number) else number
    bits = number.bit_length()
    # Writing a huge number in decimals takes quadratic time.
    return str(number) if bits <= 1_024 else f"<int of {bits:,} bits>"


def _float(number: float) -> float | str:
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return MASK if is_card(number) else number


def _scalar(value: Any, redact: Redactor) -> Any:
    """A value that is no container, as a str, bool, int or float."""
    kind = type(value)
    if kind is str:
        return redact.text(value, VALUE_LIMIT)
    if kind is bool:
        return value
    if issubclass(kind, int):
        return _integer(int.__index__(value))
    if issubclass(kind, float):
        return _float(float.__pos__(value))
    if issubclass(kind, str):
        return redact.text(plain(value), VALUE_LIMIT)
    if issubclass(kind, (bytes, bytearray)):
        held = plain(value)
        if held and held[:256].isprintable():
            return redact.text(held, VALUE_LIMIT)
        return f"<{_length(value):,} bytes>"
    known = _known(kind, value)
    return redact.text(known, VALUE_LIMIT) if known else type_mark(value)


def _length(value: Any) -> int:
    for base in (str, bytes, bytearray):
        if issubclass(type(value), base):
            return base.__len__(value)
    return 0


def _known(kind: type, value: Any) -> str:
    """Text of a type of the standard library whose text is short and whose code is known."""
    module = _loaded("datetime")
    if module is not None:
        for name in ("datetime", "date", "time"):
            base = module.get(name)
            if base is not None and issubclass(kind, base):
                return str(base.isoformat(value))
        if kind is module.get("timedelta"):
            return str(value)
    module = _loaded("decimal")
    if module is not None and kind is module.get("Decimal"):
        return str(value) if kind.__sizeof__(value) <= 1_024 else "<Decimal>"
    module = _loaded("uuid")
    if module is not None and kind is module.get("UUID"):
        return str(value)
    if kind is complex:
        return str(value)
    return ""


def _loaded(name: str) -> dict[str, Any] | None:
    module = sys.modules.get(name)
    return None if module is None else module.__dict__


def _parse_json(text: str) -> object:
    from json.decoder import JSONDecoder

    return JSONDecoder().decode(text.removeprefix("\ufeff"))


def _parse_form(text: str) -> dict[str, Any]:
    """The fields of a form, ``card[number]`` as one inside another; repeated ones as a list."""
    from urllib.parse import unquote_plus

    root: dict[str, Any] = {}
    for part in text.split("&", _PAIRS)[:_PAIRS]:
        name, _, value = part.partition("=")
        if not name:
            continue
        path = [step.rstrip("]") for step in unquote_plus(name[:512]).split("[", DEPTH)]
        node = root
        repeated = len(path) > 1 and not path[-1]
        if repeated:
            path.pop()
        for step in path[:-1]:
            inner = node.get(step)
            if type(inner) is not dict:
                inner = node[step] = {}
            node = inner
        decoded = unquote_plus(value)
        held = node.get(path[-1])
        if type(held) is list:
            held.append(decoded)
        elif repeated or (held is not None and type(held) is not dict):
            node[path[-1]] = [decoded] if held is None else [held, decoded]
        elif held is None:
            node[path[-1]] = decoded
    return root
