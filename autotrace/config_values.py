"""Check the values of settings, and read them from text: what is wrong is said in one sentence.

The job imports this only where a setting stands in its environment or in a file that was changed.
"""

from __future__ import annotations

from autotrace.config import OFF, ConfigError, Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ON = ("1", "true", "yes", "on")

UNITS = {
    "": 1,
    "b": 1,
    "k": 1 << 10,
    "m": 1 << 20,
    "g": 1 << 30,
    "t": 1 << 40,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}


def accept(setting: Setting, value: object) -> object:
    """Check one value as TOML gives it and return it as `Config` holds it.

    Lists are checked as a whole; of ``modules`` and ``levels`` it takes one entry's value. Raises
    `ConfigError` with a text such as "must be true or false, not 3".
    """
    kind = setting.kind
    if kind in ("switch", "modules"):
        if not isinstance(value, bool):
            raise ConfigError(f"must be true or false, not {show(value)}")
        return value
    if kind in ("choice", "levels"):
        if isinstance(value, str) and value.lower() in setting.choices:
            return value.lower()
        raise ConfigError(f"must be one of {', '.join(setting.choices)}, not {show(value)}")
    if kind == "text":
        return _line(value)
    if kind == "count":
        if isinstance(value, bool) or not isinstance(value, int):
            raise ConfigError(f"must be a whole number, not {show(value)}")
        return _between(setting, value)
    if kind == "size":
        return _between(setting, _size(value))
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f'must be a list of texts such as ["a", "b"], not {show(value)}')
    return collect(setting, [accept_item(setting, item) for item in value])


def accept_item(setting: Setting, value: object) -> str:
    """Check one entry of a setting that is a list; raises `ConfigError`."""
    text = _line(value)
    if not text:
        raise ConfigError("must not be empty")
    if setting.kind == "patterns":
        return check_pattern(str(value))
    if setting.attribute in ("redact_headers", "ignore_hosts"):
        return text.lower()
    return text


def check_pattern(text: str) -> str:
    """Check a regular expression, which must not match the empty text; raises `ConfigError`."""
    import re
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = re.compile(text).search("")
    except Exception as error:
        raise ConfigError(f"{show(text)} is no regular expression: {error}") from None
    if found:
        raise ConfigError(f"{show(text)} matches even the empty text")
    return text


def collect(setting: Setting, items: Sequence[str]) -> object:
    """Put the accepted entries of a list together as `Config` holds them."""
    if setting.kind == "patterns":
        return tuple(items)
    return frozenset(items)


def module_name(text: str) -> str:
    """Give a module's name as the import statement knows it (``simple-salesforce`` is not one)."""
    return text.strip().replace("-", "_")


def from_text(setting: Setting, text: str) -> object:
    """Read a setting from the text of an environment variable; raises `ConfigError`."""
    kind = setting.kind
    if kind == "switch":
        lower = text.lower()
        if lower in ON:
            return True
        if lower in OFF:
            return False
        raise ConfigError(f"must be 1 or 0 (true, false, yes, no, on, off), not {show(text)}")
    if kind == "count":
        try:
            return accept(setting, int(text))
        except ConfigError:
            raise
        except ValueError:
            raise ConfigError(f"must be a whole number, not {show(text)}") from None
    if kind == "patterns":
        return accept(setting, (text,))
    if kind in ("names", "modules"):
        items = [item.strip() for item in text.split(",") if item.strip()]
        if kind == "modules":
            return frozenset([module_name(_line(item)) for item in items])
        return accept(setting, items)
    return accept(setting, text)


def _line(value: object) -> str:
    """Check a text: one line that can be written as UTF-8, at most 1,000 characters."""
    if not isinstance(value, str):
        raise ConfigError(f"must be a text, not {show(value)}")
    text = value.strip()
    if not text.isprintable():
        raise ConfigError(f"must be one line of printable text, not {show(value)}")
    if len(text) > 1000:
        raise ConfigError("must not be longer than 1,000 characters")
    return text


def _size(value: object) -> int:
    """Read a number of bytes: an int, or a text with a unit such as "64 KiB", "1.5 GB", "10m"."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = value.strip().lower().replace(" ", "")
        digits = text.rstrip("bikmgt")
        factor = UNITS.get(text[len(digits) :])
        if factor and digits.replace(".", "", 1).isdecimal() and len(digits) < 20:
            return int(float(digits) * factor)
    raise ConfigError(f'must be a number of bytes or a text such as "64 KiB", not {show(value)}')


def _between(setting: Setting, value: int) -> int:
    """Check a number's range."""
    if setting.least <= value <= setting.most:
        return value
    least, most = (
        (show_size(setting.least), show_size(setting.most))
        if setting.kind == "size"
        else (f"{setting.least:,}", f"{setting.most:,}")
    )
    raise ConfigError(f"must be from {least} to {most}, not {show(value)}")


def show(value: object) -> str:
    """Write a value of TOML for a message, cut where it is long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, str):
        text = ascii(value) if not value.isprintable() else f'"{value}"'
    else:
        try:
            text = str(value)
        except ValueError:
            text = "a very large number"
    return text if len(text) <= 60 else text[:57] + "..."


def show_size(size: int) -> str:
    """Write a number of bytes with the largest unit that divides it: "64 KiB"."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        factor = UNITS[unit.lower()]
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return str(size)
