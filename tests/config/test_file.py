"""What a configuration file may say, and what is told where it says something else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace import config_file
from autotrace.config import SETTINGS, Config

EVERYTHING = """
enabled = false
job = "nightly"
quiet = true

[modules]
redis = false
requests = true
google.cloud = false
"simple-salesforce" = false

[capture]
request = "none"
response = "full"
sql_parameters = true
code_location = false
logs = "ERROR"
warnings = false
[capture.stripe]
request = "full"
response = "none"
[capture.google.cloud]
response = "fields"

[redact]
keys = ["tax_id"]
patterns = ['ACME-\\d{8}', "b+"]
headers = ["X-Tenant"]
keep = ["page_token"]
emails = "hash"

[limits]
journal_size = "512 MiB"
spans = 1_000
attribute_length = 100
payload_attributes = 10
payload_depth = 2
payload_size = 2048

[ignore]
commands = ["alembic"]
keep = ["pytest"]
hosts = ["*.Internal"]
"""


@pytest.fixture(autouse=True)
def _libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["pymysql", "redis", "requests", "sqlite3", "stripe"]
    monkeypatch.setattr(config_file, "known_modules", lambda: names)


def check(text: str | bytes, path: str = "/srv/autotrace.toml") -> tuple[Config, list[str]]:
    """Check a file's content; the result as a Config."""
    layer, problems = config_file.check(path, text if isinstance(text, bytes) else text.encode())
    config = Config()
    config.take(layer)
    return config, problems


EXPECTED = Config(
    enabled=False,
    job="nightly",
    quiet=True,
    modules_off=frozenset(["redis", "google.cloud", "simple_salesforce"]),
    capture_request="none",
    capture_response="full",
    capture_request_by_module={"stripe": "full"},
    capture_response_by_module={"stripe": "none", "google.cloud": "fields"},
    capture_sql_parameters=True,
    capture_code_location=False,
    capture_logs="error",
    capture_warnings=False,
    redact_keys=frozenset(["tax_id"]),
    redact_patterns=(r"ACME-\d{8}", "b+"),
    redact_headers=frozenset(["x-tenant"]),
    redact_keep=frozenset(["page_token"]),
    redact_emails="hash",
    limits_journal_size=512 << 20,
    limits_spans=1000,
    limits_attribute_length=100,
    limits_payload_attributes=10,
    limits_payload_depth=2,
    limits_payload_size=2048,
    ignore_commands=frozenset(["alembic"]),
    ignore_keep=frozenset(["pytest"]),
    ignore_hosts=frozenset(["*.internal"]),
)


def test_every_setting_is_read() -> None:
    config, problems = check(EVERYTHING)
    assert problems == []
    assert config == EXPECTED
    defaults = Config()
    for setting in SETTINGS:
        assert getattr(config, setting.attribute) != getattr(defaults, setting.attribute)


def test_every_setting_is_read_from_pyproject() -> None:
    text = "[project]\nname = 'x'\n" + EVERYTHING.replace("\n[", "\n[tool.autotrace.")
    text = text.replace("\nenabled", "\n[tool.autotrace]\nenabled")
    assert check(text, "/srv/pyproject.toml") == (EXPECTED, [])


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_mistake_is_named_with_its_line_and_the_rest_holds(line_end: str) -> None:
    text = 'job = "a"\n\n[modules]\nredis = false\n# a note\nreqests = false\npymysql = false\n'
    config, problems = check(text.replace("\n", line_end))
    assert problems == [
        "/srv/autotrace.toml:6: unknown key `modules.reqests`; did you mean `requests`?"
    ]
    assert config.job == "a"
    assert config.modules_off >= {"redis", "pymysql"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("jbo = 'x'", ":1: unknown key `jbo`; did you mean `job`?"),
        ("\n\nredakt.keys = []", ":3: unknown key `redakt`; did you mean `redact`?"),
        ("[foo]\nx = 1", ":1: unknown key `foo`; there are capture, enabled, ignore,"),
        ("spans = 3", ":1: unknown key `spans`; did you mean `limits.spans`?"),
        ("[redact]\nspans = 3", ":2: unknown key `redact.spans`; did you mean `limits.spans`?"),
        ("limits = {spanz = 3}", ":1: unknown key `limits.spanz`; did you mean `spans`?"),
        ("[limits]\n'a b.c' = 3", ':2: unknown key `limits."a b.c"`; there are attribute_length'),
        ("'redact.keys' = 3", ':1: unknown key `"redact.keys"`;'),
        ("[[limits]]\nspans = 3", ":1: `limits` must be a table, `[limits]`, not a list"),
        ("capture = 'full'", ':1: `capture` must be a table, `[capture]`, not "full"'),
        ("modules = ['redis']", ":1: `modules` must be a table, `[modules]`, not a list"),
        ("[modules]\nredis = 'off'", ':2: `modules.redis` must be true or false, not "off"'),
        ("[modules]\nmysql = false", ":2: unknown key `modules.mysql`; did you mean `pymysql`?"),
        (
            "[capture]\nrequests = 'full'",
            ":2: unknown key `capture.requests`; did you mean `request`?",
        ),
        ("[capture]\nredis = 'full'", ":2: unknown key `capture.redis`; a library has a table"),
        ("[capture]\nrequest = 'ful'", 'not "ful"; did you mean full?'),
        (
            "[capture.strip]\nrequest = 'full'",
            ":1: unknown key `capture.strip`; did you mean `stripe`?",
        ),
        (
            "[capture.stripe]\nrequst = 'full'",
            ":2: unknown key `capture.stripe.requst`; did you mean",
        ),
        (
            "[capture.stripe]\nrequest = 3",
            ":2: `capture.stripe.request` must be one of none, fields,",
        ),
        ("[capture.stripe]\nresponse = 'nome'", 'not "nome"; did you mean none?'),
        (
            "[capture.sql_parameters]",
            ":1: `capture.sql_parameters` must be true or false, not a table",
        ),
        ("capture.sql_parameters = 1", ":1: `capture.sql_parameters` must be true or false, not 1"),
        ("enabled = 'yes'", ':1: `enabled` must be true or false, not "yes"'),
        ("job = 3", ":1: `job` must be a text, not 3"),
        ("job = '''a\nb'''", ":1: `job` must be one line of printable text"),
        ("limits.spans = true", ":1: `limits.spans` must be a whole number, not true"),
        ("limits.spans = 1e6", ":1: `limits.spans` must be a whole number, not 1000000.0"),
        ("limits.spans = -1", ":1: `limits.spans` must be from 1 to 2,147,483,648, not -1"),
        ("limits.journal_size = '1 PiB'", ":1: `limits.journal_size` must be a number of bytes or"),
        ("limits.journal_size = inf", "not inf"),
        (
            "redact.keys = 'a'",
            ':1: `redact.keys` must be a list of texts such as ["a", "b"], not "a"',
        ),
        ("redact.keys = [\n'a',\n3,\n]", ":3: an entry of `redact.keys` must be a text, not 3"),
        ("redact.keys = ['', 'a']", ":1: an entry of `redact.keys` must not be empty"),
        (
            "redact.patterns = ['(']",
            ':1: an entry of `redact.patterns` "(" is no regular expression',
        ),
        (
            "redact.patterns = ['a*']",
            ':1: an entry of `redact.patterns` "a*" matches even the empty',
        ),
        ("job = 1979-05-27", ":1: `job` must be a text, not 1979-05-27"),
    ],
)
def test_mistakes(text: str, told: str) -> None:
    config, problems = check(f"{text}\n")
    assert len(problems) == 1, problems
    assert problems[0].startswith("/srv/autotrace.toml:")
    assert told in problems[0]
    assert config.limits_spans == Config().limits_spans


def test_the_right_entries_of_a_list_hold() -> None:
    config, problems = check("redact.keys = ['a', 3, 'b', '', ['c']]")
    assert config.redact_keys == {"a", "b"}
    assert len(problems) == 3


def test_a_library_that_is_like_none_that_we_know_may_come_from_elsewhere() -> None:
    config, problems = check("[modules]\nzeep = false")
    assert problems == []
    assert config.modules_off == {"zeep"}


def test_a_library_that_another_distribution_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_file, "_third_party", lambda: ["requests2"])
    assert check("[modules]\nrequests2 = false")[1] == []


def test_lines_in_pyproject() -> None:
    text = (
        "[project]\nname = 'x'\n\n[tool.autotrace.limits]\nspans = 0\n[tool.other]\nspans = 'x'\n"
    )
    problems = check(text, "/srv/pyproject.toml")[1]
    assert len(problems) == 1
    assert problems[0].startswith("/srv/pyproject.toml:5: `limits.spans` must be from 1")
    assert check("[tool]\nautotrace = 3", "/srv/pyproject.toml")[1] == [
        "/srv/pyproject.toml:2: `tool.autotrace` must be a table, not 3"
    ]
    for nothing in ("", "tool = 3", "[tool.x]", "autotrace = 3"):
        assert check(nothing, "/srv/pyproject.toml") == (Config(), [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("job = 'a'\nquiet =\n", ":2: not TOML, so no setting in it is used: "),
        ("a = 1\nb = 2\na = 3\n", ":3: not TOML"),
        ("job = '''a\n\n", "not TOML"),
        ("x = 1\n\nx", ":3: not TOML"),
        ("x = 2024-13-45", "not TOML"),
        ("x = " + "9" * 5000, "not TOML"),
        ("x = " + "[" * 100_000, "nested too deeply"),
        (b"job = 'a'\n# \xe4\n", ":2: not UTF-8 (byte 0xe4)"),
        ("job = 'a'".encode("utf-16"), ":1: not UTF-8 (byte 0xff)"),
        (b"job = 'a'\n\0", "not TOML"),
    ],
)
def test_no_toml(text: str | bytes, told: str) -> None:
    config, problems = check(text)
    assert config == Config()
    assert len(problems) == 1
    assert problems[0].startswith("/srv/autotrace.toml")
    assert told in problems[0]


def test_a_byte_order_mark_does_no_harm() -> None:
    assert check(b"\xef\xbb\xbfjob = 'a'") == (Config(job="a"), [])


junk = st.recursive(
    st.none().map(lambda _: "true")
    | st.integers().map(str)
    | st.sampled_from(["1.5", "1e6", "inf", "nan", "-0.0"])
    | st.sampled_from(
        ['"full"', '"nome"', '"64 KiB"', "'('", "1979-05-27", '"\\u0007"', '""', "''"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(["request", "a", "redis"]), inner, max_size=2).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        )
    ),
    max_leaves=4,
)
keys = st.sampled_from(
    [setting.name for setting in SETTINGS if "<" not in setting.name]
) | st.sampled_from(
    [
        "capture.stripe",
        "capture.x.y.z",
        "modules.redis",
        "modules.a.b",
        "limits",
        "nope",
        '"ä.b"',
        "redact.kays",
    ]
)


@given(st.dictionaries(keys, junk, max_size=6))
def test_any_values_for_any_keys(values: dict[str, str]) -> None:
    text = "\n".join(f"{key} = {value}" for key, value in values.items())
    config, problems = check(text)
    assert Config.parse(config.dump()) == config
    for problem in problems:
        assert problem.startswith("/srv/autotrace.toml"), problem
        assert "\n" not in problem


@given(st.text(max_size=200) | st.text("[]{}=\"'.,#\n \tabjo1", max_size=60))
def test_any_text(text: str) -> None:
    config, problems = check(text.encode("utf-8", "surrogatepass"))
    assert Config.parse(config.dump()) == config
    assert all(problem.startswith("/srv/autotrace.toml") for problem in problems)


@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    assert all(p.startswith("/srv/autotrace.toml") for p in check(data)[1])


class TestReading:
    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "autotrace.toml").write_text("job = 'x'")
        assert config_file.load(f"{tmp_path}/autotrace.toml") == ({"job": "x"}, [])

    def test_missing(self, tmp_path: Path) -> None:
        layer, problems = config_file.load(f"{tmp_path}/autotrace.toml")
        assert layer == {}
        assert problems == [
            f"{tmp_path}/autotrace.toml: cannot be read (No such file or directory),"
            " so its settings are not used"
        ]

    def test_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "autotrace.toml").mkdir()
        assert "is a folder" in config_file.load(f"{tmp_path}/autotrace.toml")[1][0]

    def test_a_pipe_does_not_hold_the_job(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "autotrace.toml")
        assert "is no regular file" in config_file.load(f"{tmp_path}/autotrace.toml")[1][0]

    def test_too_large(self, tmp_path: Path) -> None:
        (tmp_path / "autotrace.toml").write_text("#" * ((1 << 20) + 1))
        assert "larger than 1 MiB" in config_file.load(f"{tmp_path}/autotrace.toml")[1][0]


class TestResolve:
    def resolve(self, tmp_path: Path, **environ: str) -> tuple[Config, list[str]]:
        given: dict[str, Any] = {"HOME": str(tmp_path), **environ}
        return config_file.resolve(str(tmp_path), None, given)

    def test_gives_what_the_job_would_see(self, tmp_path: Path) -> None:
        (tmp_path / "autotrace.toml").write_text("job = 'x'\nquiet = 3")
        config, problems = self.resolve(tmp_path, AUTOTRACE_CAPTURE_LOGS="info")
        assert (config.job, config.capture_logs) == ("x", "info")
        assert config.source == f"{tmp_path}/autotrace.toml"
        assert problems == config.problems
        assert problems == [f"{tmp_path}/autotrace.toml:2: `quiet` must be true or false, not 3"]

    def test_variables_that_are_nearly_ours(self, tmp_path: Path) -> None:
        problems = self.resolve(
            tmp_path, AUTOTRACE_CAPTURE_REQUESTS="full", AUTOTRACE_EXAMPLE_DATABASE="x", OTHER="y"
        )[1]
        assert problems == [
            "AUTOTRACE_CAPTURE_REQUESTS: unknown variable; did you mean AUTOTRACE_CAPTURE_REQUEST?"
        ]

    def test_libraries_that_are_nearly_known(self, tmp_path: Path) -> None:
        config, problems = self.resolve(tmp_path, AUTOTRACE_DISABLE="redis, reqests,zeep,")
        assert problems == ['AUTOTRACE_DISABLE: unknown library "reqests"; did you mean requests?']
        assert config.modules_off == {"redis", "reqests", "zeep"}

    def test_find(self, tmp_path: Path) -> None:
        environ = {"HOME": str(tmp_path)}
        assert config_file.find(str(tmp_path), None, environ) is None
        (tmp_path / "autotrace.toml").touch()
        assert (
            config_file.find(None, str(tmp_path / "a/b"), environ) == f"{tmp_path}/autotrace.toml"
        )
