"""The settings, as plain values: what the job imports.

Every setting is one row of `SETTINGS`: its name, type, default, environment variable and help.
Defaults, environment, `autotrace.toml` and the page of reference all follow that table.

This module is imported at the start of every traced process: built-in modules alone, and nothing is
read but what is asked for. What reads TOML is imported only where a file is found.
"""

from __future__ import annotations

import marshal
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Layer = dict[str, object]

FORMAT = 1
"""Version of the bytes that `Config.dump` makes."""

OFF = ("", "0", "false", "no", "off")

LEVELS = ("none", "fields", "full")
"""How much of a request or response is kept: nothing, its fields, or its whole body too."""

LOG_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50, "off": 1 << 30}
"""Names of `capture.logs` and the numbers that `logging` gives them; ``off`` is above them all."""

FILE_NAMES = ("/autotrace.toml", "/pyproject.toml")
"""Files that may configure a job, the stronger first."""

_MAGIC = b"ATCONF\r\n"
_LARGEST_BLOB = 1 << 20


class ConfigError(ValueError):
    """A configuration that cannot be used as it is; the text says why."""


class Setting:
    """One row of the table of settings.

    ``name`` is the dotted key in the file, ``attribute`` the name in `Config`, ``variable`` the
    environment variable ("" where there is none). ``kind`` is one of

    - ``switch``: a bool
    - ``text``: one line of text
    - ``choice``: one of ``choices``
    - ``count``: an int from ``least`` to ``most``
    - ``size``: bytes, an int or a text such as "64 KiB", from ``least`` to ``most``
    - ``names``: a set of texts
    - ``patterns``: a tuple of regular expressions
    - ``modules``: a table of module names to true or false; kept as the set of those that are off
    - ``levels``: one of ``choices`` for each module
    """

    __slots__ = (
        "attribute",
        "choices",
        "default",
        "help",
        "kind",
        "least",
        "most",
        "name",
        "variable",
    )

    def __init__(
        self,
        name: str,
        kind: str,
        default: object,
        text: str,
        choices: tuple[str, ...] = (),
        least: int = 0,
        most: int = 0,
        attribute: str = "",
        variable: str | None = None,
    ) -> None:
        """Describe a setting; attribute and variable follow from the name unless given."""
        plain = name.replace(".", "_")
        self.name = name
        self.kind = kind
        self.default = default
        self.help = text
        self.choices = choices
        self.least = least
        self.most = most
        self.attribute = attribute or plain
        self.variable = "AUTOTRACE_" + plain.upper() if variable is None else variable


SETTINGS = (
    Setting(
        "enabled",
        "switch",
        True,
        "Whether jobs are traced. AUTOTRACE_ENABLED=1 or `autotrace-run` switches tracing on;"
        " `false` in the file switches it off all the same, and so does a variable that is empty,"
        " 0, false, no or off.",
    ),
    Setting("job", "text", "", "Name of the job. Default: that of its script or module."),
    Setting("quiet", "switch", False, "Leave out the summary at the end of a run."),
    Setting(
        "modules",
        "modules",
        frozenset(),
        "Libraries that are traced: `redis = false` leaves one alone. The variable lists those to"
        " leave alone: `AUTOTRACE_DISABLE=redis,boto3`.",
        attribute="modules_off",
        variable="AUTOTRACE_DISABLE",
    ),
    Setting(
        "capture.request",
        "choice",
        "fields",
        "What is kept of a request's payload: nothing, its fields, or its whole body as well.",
        choices=LEVELS,
    ),
    Setting(
        "capture.response",
        "choice",
        "fields",
        "What is kept of a response's payload.",
        choices=LEVELS,
    ),
    Setting(
        "capture.<module>.request",
        "levels",
        {},
        "The same for the requests of one library, in a table of its own: `[capture.stripe]`.",
        choices=LEVELS,
        attribute="capture_request_by_module",
        variable="",
    ),
    Setting(
        "capture.<module>.response",
        "levels",
        {},
        "The same for the responses of one library.",
        choices=LEVELS,
        attribute="capture_response_by_module",
        variable="",
    ),
    Setting(
        "capture.sql_parameters",
        "switch",
        False,
        "Keep the parameters of SQL statements (redacted as everything else).",
    ),
    Setting(
        "capture.code_location",
        "switch",
        True,
        "Keep function, file and line of your own code that made each call.",
    ),
    Setting(
        "capture.logs",
        "choice",
        "warning",
        "Records of `logging` from this level on become events of the span that was under way.",
        choices=tuple(LOG_LEVELS),
    ),
    Setting(
        "capture.warnings",
        "switch",
        True,
        "Python's warnings become events of the span that was under way.",
    ),
    Setting(
        "redact.keys",
        "names",
        frozenset(),
        "Names of fields and parameters whose values are secret, besides those that are known.",
    ),
    Setting(
        "redact.patterns",
        "patterns",
        (),
        "Regular expressions (Python's); what they match in a value is secret. The variable holds"
        " one expression: join several with `|`.",
    ),
    Setting(
        "redact.headers",
        "names",
        frozenset(),
        "HTTP headers whose values are secret, besides those that are known.",
    ),
    Setting(
        "redact.keep",
        "names",
        frozenset(),
        "Names of fields, parameters and headers that are no secret although they look like one.",
    ),
    Setting(
        "redact.emails",
        "choice",
        "keep",
        "What becomes of email addresses: kept, replaced by a hash (the same address gives the same"
        " hash), or dropped.",
        choices=("keep", "hash", "drop"),
    ),
    Setting(
        "limits.journal_size",
        "size",
        1 << 30,
        "Bytes that the journals of one run may take on disk while it runs; spans beyond it are"
        " counted and not kept.",
        least=2 << 20,
        most=1 << 40,
    ),
    Setting(
        "limits.spans",
        "count",
        10_000_000,
        "Spans that one run may have; those beyond are counted and not kept.",
        least=1,
        most=1 << 31,
    ),
    Setting(
        "limits.attribute_length",
        "count",
        1024,
        "Characters kept of one attribute.",
        least=16,
        most=1 << 16,
    ),
    Setting(
        "limits.payload_attributes",
        "count",
        64,
        "Attributes made of the fields of one payload.",
        least=1,
        most=1024,
    ),
    Setting(
        "limits.payload_depth",
        "count",
        4,
        "How deep the fields of a payload are followed.",
        least=1,
        most=32,
    ),
    Setting(
        "limits.payload_size",
        "size",
        64 << 10,
        "Bytes of the largest body that is read for its fields or kept in full; of a larger one"
        " only the size is noted.",
        least=1 << 10,
        most=512 << 10,
    ),
    Setting(
        "ignore.commands",
        "names",
        frozenset(),
        "Commands (script or module names, `*` stands for anything) that are not traced where"
        " AUTOTRACE_ENABLED alone is set, besides installers, test runners and shells.",
    ),
    Setting(
        "ignore.keep",
        "names",
        frozenset(),
        "Commands that are traced although they are among the ignored ones: `pytest`.",
    ),
    Setting(
        "ignore.hosts",
        "names",
        frozenset(),
        "Hosts to which calls are not traced: `name`, `name:port`, `*.example.com`.",
    ),
)
"""All the settings."""

OTHER_VARIABLES = (
    ("AUTOTRACE_CONFIG", "Path of the configuration file to use, instead of looking for one."),
    (
        "AUTOTRACE_HOME",
        "Folder that runs are kept in. Default: `autotrace` in the XDG data folder.",
    ),
    ("AUTOTRACE_RUN", "Set by `autotrace-run` for the job's processes: the run they belong to."),
)
"""Environment variables that are no settings: name and help."""


def enabled(environ: Mapping[str, str]) -> bool:
    """Say whether AUTOTRACE_ENABLED switches tracing on: it is set, and none of ``OFF``."""
    value = environ.get("AUTOTRACE_ENABLED")
    return value is not None and value.strip().lower() not in OFF


def home(environ: Mapping[str, str] | None = None) -> str:
    """Give the absolute path of the folder where everything is kept; it need not exist.

    AUTOTRACE_HOME, else ``$XDG_DATA_HOME/autotrace``, else ``~/.local/share/autotrace``; for a
    user without a home folder (an arbitrary uid in a container) ``autotrace-<uid>`` in TMPDIR or
    ``/tmp``.
    ``environ`` defaults to this process's environment.
    """
    if environ is None:
        environ = os.environ
    given = environ.get("AUTOTRACE_HOME")
    if given:
        return os.path.abspath(_expand(given, environ))
    data = environ.get("XDG_DATA_HOME", "")
    if data.startswith("/"):
        return os.path.normpath("/" + data.strip("/") + "/autotrace")
    user = user_home(environ)
    if user:
        return os.path.normpath(user.rstrip("/") + "/.local/share/autotrace")
    temporary = environ.get("TMPDIR", "")
    if not temporary.startswith("/"):
        temporary = "/tmp"
    return f"{temporary.rstrip('/')}/autotrace-{os.geteuid()}"


def user_home(environ: Mapping[str, str]) -> str:
    """Give the user's home folder, from HOME or the password database; "" where there is none."""
    value = environ.get("HOME", "")
    if value.startswith("/"):
        return value
    try:
        import pwd

        value = pwd.getpwuid(os.geteuid()).pw_dir
    except (ImportError, KeyError):
        return ""
    return value if value.startswith("/") else ""


def _expand(path: str, environ: Mapping[str, str]) -> str:
    """Replace a leading ``~/``, which crontabs and unit files leave as it is."""
    if path == "~" or path.startswith("~/"):
        return (user_home(environ) or "~") + path[1:]
    return path


class Config:
    """All settings of a process, as plain values.

    ``Config()`` has the defaults; keyword arguments replace them. Besides the settings it holds
    ``source``, the path of the file that was read ("" for none), and ``problems``, what was wrong
    in file and environment: one text each, naming file and line or variable, ready to be shown.
    """

    enabled: bool
    job: str
    quiet: bool
    modules_off: frozenset[str]
    capture_request: str
    capture_response: str
    capture_request_by_module: dict[str, str]
    capture_response_by_module: dict[str, str]
    capture_sql_parameters: bool
    capture_code_location: bool
    capture_logs: str
    capture_warnings: bool
    redact_keys: frozenset[str]
    redact_patterns: tuple[str, ...]
    redact_headers: frozenset[str]
    redact_keep: frozenset[str]
    redact_emails: str
    limits_journal_size: int
    limits_spans: int
    limits_attribute_length: int
    limits_payload_attributes: int
    limits_payload_depth: int
    limits_payload_size: int
    ignore_commands: frozenset[str]
    ignore_keep: frozenset[str]
    ignore_hosts: frozenset[str]
    source: str
    problems: list[str]

    __slots__ = (*[setting.attribute for setting in SETTINGS], "source", "problems")

    def __init__(self, **values: object) -> None:
        """Set the defaults, then ``values`` (attribute names to values, not checked)."""
        for setting in SETTINGS:
            default = setting.default
            setattr(self, setting.attribute, {} if setting.kind == "levels" else default)
        self.source = ""
        self.problems = []
        for name, value in values.items():
            setattr(self, name, value)

    def __eq__(self, other: object) -> bool:
        """Compare settings and source; what was wrong on the way does not count."""
        if not isinstance(other, Config):
            return NotImplemented
        return self.source == other.source and all(
            getattr(self, setting.attribute) == getattr(other, setting.attribute)
            for setting in SETTINGS
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Show what differs from the defaults."""
        different = [
            f"{setting.attribute}={getattr(self, setting.attribute)!r}"
            for setting in SETTINGS
            if getattr(self, setting.attribute) != setting.default
        ]
        return f"Config({', '.join(different)})"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Config:
        """Make the configuration that the environment alone gives."""
        config = cls()
        config.take_environ(environ)
        return config

    def take(self, layer: Mapping[str, object]) -> None:
        """Lay settings (attribute names to accepted values) over those that are here.

        Names, patterns and levels by module add up; an overall level forgets the levels by module
        that were laid before it; ``enabled`` stays off once it is; all else is replaced.
        """
        for setting in SETTINGS:
            attribute = setting.attribute
            if attribute not in layer:
                continue
            value = layer[attribute]
            old = getattr(self, attribute)
            if setting.kind in ("names", "modules"):
                value = old | value
            elif setting.kind == "patterns":
                value = tuple(dict.fromkeys((*old, *value)))  # type: ignore[misc]
            elif setting.kind == "levels":
                value = {**old, **value}  # type: ignore[dict-item]
            elif attribute == "enabled":
                value = old and value
            elif attribute in ("capture_request", "capture_response"):
                setattr(self, attribute + "_by_module", {})
            setattr(self, attribute, value)

    def take_environ(self, environ: Mapping[str, str]) -> None:
        """Lay the environment's settings over those that are here; a wrong one is a problem."""
        layer: Layer = {}
        # one walk costs less than asking `os.environ` for each of ours that is not there
        ours = [name for name in environ if name.startswith("AUTOTRACE_")]
        for setting in SETTINGS:
            variable = setting.variable
            if variable not in ours:
                continue
            text = environ[variable]
            if variable == "AUTOTRACE_ENABLED":
                layer["enabled"] = enabled(environ)
                continue
            text = text.strip()
            if not text:
                continue
            from autotrace.config_values import from_text

            try:
                layer[setting.attribute] = from_text(setting, text)
            except ConfigError as error:
                self.add_problem(f"{variable}: {error}")
        if layer:
            self.take(layer)

    def add_problem(self, text: str) -> None:
        """Note what was wrong, once."""
        if text not in self.problems:
            self.problems.append(text)

    def capture(self, module: str) -> tuple[str, str]:
        """Give the levels (one of ``LEVELS``) for a module's requests and its responses."""
        return (
            self.capture_request_by_module.get(module, self.capture_request),
            self.capture_response_by_module.get(module, self.capture_response),
        )

    def traces(self, module: str) -> bool:
        """Say whether a module (dotted name) is to be traced: neither it nor a parent is off."""
        off = self.modules_off
        if not off:
            return True
        while module:
            if module in off:
                return False
            module = module.rpartition(".")[0]
        return True

    @property
    def log_level(self) -> int:
        """`capture_logs` as the number that `logging` uses; above all levels where it is off."""
        return LOG_LEVELS[self.capture_logs]

    def ignores_host(self, host: str, port: int | None = None) -> bool:
        """Say whether calls to a host are left untraced by `ignore.hosts`."""
        hosts = self.ignore_hosts
        if not hosts:
            return False
        host = host.lower()
        if host in hosts or f"{host}:{port}" in hosts:
            return True
        for pattern in hosts:
            if "*" in pattern and (matches(pattern, host) or matches(pattern, f"{host}:{port}")):
                return True
        return False

    def dump(self) -> bytes:
        """Encode all settings and the source, to be read by `parse` in another process."""
        values: Layer = {"source": self.source}
        for setting in SETTINGS:
            value = getattr(self, setting.attribute)
            if isinstance(value, frozenset):
                value = tuple(sorted(value))
            values[setting.attribute] = value
        return pack(_MAGIC, values)

    @classmethod
    def parse(cls, blob: bytes) -> Config:
        """Decode what `dump` made; anything else is a `ConfigError`."""
        values = unpack(_MAGIC, blob)
        if not isinstance(values, dict):
            raise ConfigError("not a configuration")
        config = cls()
        source = values.get("source")
        config.source = source if isinstance(source, str) else ""
        for setting in SETTINGS:
            if setting.attribute in values:
                value = values[setting.attribute]
                setattr(config, setting.attribute, _stored(setting, value))
        return config


def matches(pattern: str, text: str) -> bool:
    """Say whether a text is a pattern's, in which ``*`` stands for any characters."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    if not text.startswith(first):
        return False
    last = rest.pop()
    position = len(first)
    for part in rest:
        found = text.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return len(text) - position >= len(last) and text.endswith(last)


def ignored(config: Config, argv: Sequence[str], executable: str) -> bool:
    """Say whether a process is one that nobody means when AUTOTRACE_ENABLED is set for all.

    ``argv`` is the interpreter's whole command line (`sys.orig_argv`; a plain `sys.argv` will do),
    ``executable`` its path (`sys.executable`). Not to be asked in a process that belongs to a run.
    """
    from autotrace.command_line import is_ignored

    return is_ignored(config, argv, executable)


def load(script_dir: str | None, cwd: str | None, environ: Mapping[str, str]) -> Config:
    """Make this process's configuration: defaults, then the file, then the environment.

    The file is the one that AUTOTRACE_CONFIG names (as `autotrace-run` left it, or TOML), else the
    first ``autotrace.toml`` or ``pyproject.toml`` with a table ``[tool.autotrace]`` upward from the
    script's folder and then from the working directory; either may be None or "". Never raises:
    what went wrong is in the result's ``problems``.
    """
    config = Config()
    try:
        given = environ.get("AUTOTRACE_CONFIG")
        if not given or not _take_given(config, _expand(given, environ), environ):
            paths = candidates(script_dir, cwd, environ)
            if paths:
                from autotrace.config_search import take_first

                take_first(config, paths, environ)
    except Exception as error:
        config.add_problem(f"the configuration could not be read: {type(error).__name__}: {error}")
    try:
        config.take_environ(environ)
    except Exception as error:
        config.add_problem(f"the environment could not be read: {type(error).__name__}: {error}")
    return config


def candidates(script_dir: str | None, cwd: str | None, environ: Mapping[str, str]) -> list[str]:
    """List the files that may configure a job started there, the stronger first.

    They are looked for in the script's folder and those above it, then in the working directory and
    those above it, up to the user's home folder or the root.
    """
    top = user_home(environ).rstrip("/")
    seen = set()
    paths = []
    for start in (script_dir, cwd):
        if not start:
            continue
        folder = os.path.abspath(start).rstrip("/")
        while folder not in seen:
            seen.add(folder)
            for name in FILE_NAMES:
                path = folder + name
                if os.access(path, os.F_OK):
                    paths.append(path)
            if not folder or folder == top:
                break
            folder = folder[: folder.rindex("/")]
    return paths


def _take_given(config: Config, path: str, environ: Mapping[str, str]) -> bool:
    """Take the file that AUTOTRACE_CONFIG names; False where it cannot be used."""
    if path.endswith(".toml"):
        from autotrace.config_search import take_named

        take_named(config, path, environ)
        return True
    try:
        resolved = Config.parse(read_own(path))
    except FileNotFoundError:
        if os.path.dirname(path) == environ.get("AUTOTRACE_RUN"):
            return False  # the run has ended, and this process was left over from it
        config.add_problem(f"AUTOTRACE_CONFIG: {path}: there is no such file")
    except OSError as error:
        config.add_problem(f"AUTOTRACE_CONFIG: {path}: cannot be read: {error.strerror}")
    except ConfigError as error:
        config.add_problem(f"AUTOTRACE_CONFIG: {path}: {error}")
    else:
        for name in Config.__slots__:
            if name != "problems":
                setattr(config, name, getattr(resolved, name))
        return True
    return False


def read_own(path: str) -> bytes:
    """Read a small file that only this user can have written.

    `marshal` must not be fed by others: the file and its folder must belong to this user and be
    writable by nobody else. Raises `ConfigError` otherwise, `OSError` where it cannot be read.
    """
    me = os.geteuid()
    folder = os.stat(os.path.dirname(path) or ".")
    if folder.st_uid != me or folder.st_mode & 0o022:
        raise ConfigError("not used: its folder could be written by another user")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_mode & 0o170000 != 0o100000:
            raise ConfigError("not used: it is no regular file")
        if status.st_uid != me or status.st_mode & 0o022:
            raise ConfigError("not used: it could be written by another user")
        if status.st_size > _LARGEST_BLOB:
            raise ConfigError("not used: it is too large to be a configuration")
        return os.read(descriptor, _LARGEST_BLOB)
    finally:
        os.close(descriptor)


def pack(magic: bytes, value: object) -> bytes:
    """Encode plain values with a mark of 8 bytes, format version and checksum in front."""
    from zlib import crc32

    body = marshal.dumps(value, 2)  # type: ignore[arg-type]
    return magic + FORMAT.to_bytes(4, "little") + crc32(body).to_bytes(4, "little") + body


def unpack(magic: bytes, blob: bytes) -> object:
    """Decode what `pack` made with the same mark; anything else is a `ConfigError`."""
    from zlib import crc32

    if blob[:8] != magic or len(blob) < 17:
        raise ConfigError("neither made by autotrace-run nor named *.toml")
    version = int.from_bytes(blob[8:12], "little")
    if version != FORMAT:
        raise ConfigError(f"made by another version of autotrace (format {version}, not {FORMAT})")
    body = blob[16:]
    if crc32(body) != int.from_bytes(blob[12:16], "little"):
        raise ConfigError("damaged")
    try:
        value: object = marshal.loads(body)
    except Exception as error:
        raise ConfigError(f"damaged: {error}") from None
    return value


def _stored(setting: Setting, value: object) -> object:
    """Take one value of a dump, where a set is a tuple; it was checked when it was first read."""
    default = setting.default
    wanted = tuple if isinstance(default, frozenset) else type(default)
    if type(value) is not wanted:
        raise ConfigError(f"damaged: `{setting.name}` is no {wanted.__name__}")
    if isinstance(value, tuple) and not all(isinstance(item, str) for item in value):
        raise ConfigError(f"damaged: `{setting.name}` holds something else than texts")
    if isinstance(default, frozenset):
        return frozenset(value)  # type: ignore[call-overload]
    return value
