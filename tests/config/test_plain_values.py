"""The settings as the environment gives them, and their way to another process."""

from __future__ import annotations

import marshal
import os
import pwd
import zlib
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace import config as settings
from autotrace.config import SETTINGS, Config, ConfigError


def test_every_setting_is_an_attribute_with_its_default() -> None:
    config = Config()
    attributes = [setting.attribute for setting in SETTINGS]
    assert list(Config.__annotations__) == [*attributes, "source", "problems"]
    for setting in SETTINGS:
        assert getattr(config, setting.attribute) == setting.default
    assert config == Config() == Config.from_environ({})
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)
    variables = [setting.variable for setting in SETTINGS if setting.variable]
    assert len(set(variables)) == len(variables)


def test_configs_share_nothing_that_can_change() -> None:
    Config().capture_request_by_module["stripe"] = "full"
    Config().problems.append("x")
    assert Config().capture_request_by_module == {}
    assert Config().problems == []


@pytest.mark.parametrize("text", ["", "0", "false", "no", "off", "OFF", "False", " no "])
def test_switched_off(text: str) -> None:
    assert not settings.enabled({"AUTOTRACE_ENABLED": text})
    assert not Config.from_environ({"AUTOTRACE_ENABLED": text}).enabled


@pytest.mark.parametrize("text", ["1", "true", "yes", "on", "anything"])
def test_switched_on(text: str) -> None:
    assert settings.enabled({"AUTOTRACE_ENABLED": text})
    assert Config.from_environ({"AUTOTRACE_ENABLED": text}).enabled


def test_not_mentioned_is_off_but_not_forbidden() -> None:
    assert not settings.enabled({})
    assert Config.from_environ({}).enabled


@pytest.mark.parametrize(
    ("variable", "text", "attribute", "value"),
    [
        ("AUTOTRACE_JOB", " nightly sync ", "job", "nightly sync"),
        ("AUTOTRACE_JOB", "", "job", ""),
        ("AUTOTRACE_QUIET", "1", "quiet", True),
        ("AUTOTRACE_QUIET", "No", "quiet", False),
        ("AUTOTRACE_DISABLE", "redis, boto3,,", "modules_off", {"redis", "boto3"}),
        ("AUTOTRACE_DISABLE", "simple-salesforce", "modules_off", {"simple_salesforce"}),
        ("AUTOTRACE_CAPTURE_REQUEST", "FULL", "capture_request", "full"),
        ("AUTOTRACE_CAPTURE_SQL_PARAMETERS", "yes", "capture_sql_parameters", True),
        ("AUTOTRACE_CAPTURE_CODE_LOCATION", "off", "capture_code_location", False),
        ("AUTOTRACE_CAPTURE_LOGS", "error", "capture_logs", "error"),
        ("AUTOTRACE_REDACT_KEYS", "tax_id,Name", "redact_keys", {"tax_id", "Name"}),
        ("AUTOTRACE_REDACT_HEADERS", "X-Tenant", "redact_headers", {"x-tenant"}),
        ("AUTOTRACE_REDACT_PATTERNS", r"A\d{3,5}|B", "redact_patterns", (r"A\d{3,5}|B",)),
        ("AUTOTRACE_REDACT_EMAILS", "hash", "redact_emails", "hash"),
        ("AUTOTRACE_LIMITS_SPANS", "5000", "limits_spans", 5000),
        ("AUTOTRACE_LIMITS_JOURNAL_SIZE", "512 MB", "limits_journal_size", 512_000_000),
        ("AUTOTRACE_LIMITS_JOURNAL_SIZE", "1.5GiB", "limits_journal_size", 3 << 29),
        ("AUTOTRACE_LIMITS_JOURNAL_SIZE", "4194304", "limits_journal_size", 4 << 20),
        ("AUTOTRACE_LIMITS_PAYLOAD_SIZE", "10k", "limits_payload_size", 10240),
        ("AUTOTRACE_IGNORE_HOSTS", "A.Example.com", "ignore_hosts", {"a.example.com"}),
    ],
)
def test_environment(variable: str, text: str, attribute: str, value: object) -> None:
    config = Config.from_environ({variable: text})
    assert getattr(config, attribute) == value
    assert config.problems == []


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        ("AUTOTRACE_QUIET", "maybe", "must be 1 or 0"),
        ("AUTOTRACE_CAPTURE_REQUEST", "ful", 'none, fields, full, not "ful"'),
        ("AUTOTRACE_LIMITS_SPANS", "many", "whole number"),
        ("AUTOTRACE_LIMITS_SPANS", "0", "from 1 to"),
        ("AUTOTRACE_LIMITS_SPANS", "9" * 6000, "whole number"),
        ("AUTOTRACE_LIMITS_JOURNAL_SIZE", "1 apple", "number of bytes"),
        ("AUTOTRACE_LIMITS_JOURNAL_SIZE", "1 KiB", "from 2 MiB to"),
        ("AUTOTRACE_JOB", "two\nlines", "one line of printable text"),
        ("AUTOTRACE_JOB", "\udcff", "printable"),
        ("AUTOTRACE_JOB", "x" * 1001, "1,000 characters"),
        ("AUTOTRACE_REDACT_PATTERNS", "(", "no regular expression"),
        ("AUTOTRACE_REDACT_PATTERNS", "(?aL)x", "no regular expression"),
        ("AUTOTRACE_REDACT_PATTERNS", "a*", "empty text"),
    ],
)
def test_wrong_values_are_named_and_left_out(variable: str, text: str, told: str) -> None:
    config = Config.from_environ({variable: text, "AUTOTRACE_IGNORE_HOSTS": "kept"})
    assert config == Config(ignore_hosts=frozenset(["kept"]))
    assert len(config.problems) == 1
    assert config.problems[0].startswith(f"{variable}: ")
    assert told in config.problems[0]


@pytest.mark.filterwarnings("error")
def test_a_doubtful_pattern_warns_nobody() -> None:
    assert Config.from_environ({"AUTOTRACE_REDACT_PATTERNS": "[[a]b"}).redact_patterns == ("[[a]b",)


@given(st.dictionaries(st.sampled_from([s.variable for s in SETTINGS]), st.text(max_size=30)))
def test_no_environment_raises(environ: dict[str, str]) -> None:
    config = Config.from_environ(environ)
    assert Config.parse(config.dump()) == config
    for problem in config.problems:
        assert problem.partition(":")[0] in environ


def test_layers() -> None:
    config = Config()
    config.take(
        {
            "job": "a",
            "redact_keys": frozenset("x"),
            "redact_patterns": ("p", "q"),
            "capture_request": "full",
            "capture_request_by_module": {"stripe": "none"},
            "capture_response_by_module": {"stripe": "none"},
        }
    )
    config.take(
        {
            "job": "b",
            "redact_keys": frozenset("y"),
            "redact_patterns": ("q", "r"),
            "capture_request": "fields",
        }
    )
    assert config.job == "b"
    assert config.redact_keys == {"x", "y"}
    assert config.redact_patterns == ("p", "q", "r")
    assert config.capture("stripe") == ("fields", "none")
    assert config.capture("requests") == ("fields", "fields")


def test_modules_that_are_off_take_their_submodules_along() -> None:
    config = Config(modules_off=frozenset(["google.cloud", "redis"]))
    assert not config.traces("redis")
    assert not config.traces("google.cloud.storage")
    assert config.traces("google")
    assert config.traces("redis2")


def test_log_level() -> None:
    assert Config().log_level == 30
    assert Config(capture_logs="off").log_level > 50


def test_hosts() -> None:
    config = Config(ignore_hosts=frozenset(["localhost:9200", "*.internal", "metrics.example.com"]))
    assert config.ignores_host("localhost", 9200)
    assert not config.ignores_host("localhost", 9201)
    assert config.ignores_host("A.internal", 80)
    assert not config.ignores_host("internal")
    assert config.ignores_host("METRICS.example.com")
    assert not Config().ignores_host("x")


class TestDump:
    texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
    names = st.frozensets(texts, max_size=4)
    kinds: ClassVar[dict[str, st.SearchStrategy[Any]]] = {
        "switch": st.booleans(),
        "text": texts,
        "count": st.integers(1, 1 << 31),
        "size": st.integers(1, 1 << 50),
        "names": names,
        "modules": names,
        "patterns": st.lists(texts, max_size=4).map(tuple),
    }

    @given(st.data())
    def test_comes_back_the_same(self, data: st.DataObject) -> None:
        config = Config(source=data.draw(self.texts))
        for setting in SETTINGS:
            if setting.choices:
                values = st.sampled_from(setting.choices)
            else:
                values = self.kinds[setting.kind]
            if setting.kind == "levels":
                values = st.dictionaries(self.texts, values, max_size=3)
            setattr(config, setting.attribute, data.draw(values))
        again = Config.parse(config.dump())
        assert again == config
        assert again.dump() == config.dump()

    @given(st.binary(max_size=200))
    def test_foreign_bytes(self, blob: bytes) -> None:
        with pytest.raises(ConfigError):
            Config.parse(blob)

    @given(st.data())
    def test_damaged_bytes(self, data: st.DataObject) -> None:
        blob = bytearray(Config().dump())
        place = data.draw(st.integers(0, len(blob) - 1))
        blob[place] ^= data.draw(st.integers(1, 255))
        with pytest.raises(ConfigError):
            Config.parse(bytes(blob))

    def test_cut_bytes(self) -> None:
        blob = Config().dump()
        for length in range(len(blob)):
            with pytest.raises(ConfigError):
                Config.parse(blob[:length])

    @given(
        st.sampled_from([setting.attribute for setting in SETTINGS]),
        st.none() | st.floats() | st.tuples(st.integers()) | st.tuples(st.lists(st.none())),
    )
    def test_values_of_the_wrong_type(self, attribute: str, value: object) -> None:
        blob = settings.pack(b"ATCONF\r\n", {attribute: value})
        with pytest.raises(ConfigError):
            Config.parse(blob)

    def test_bytes_that_are_no_table(self) -> None:
        with pytest.raises(ConfigError, match="not a configuration"):
            Config.parse(settings.pack(b"ATCONF\r\n", [1]))
        body = b"?"
        with pytest.raises(ConfigError, match="damaged"):
            Config.parse(
                b"ATCONF\r\n"
                + (1).to_bytes(4, "little")
                + zlib.crc32(body).to_bytes(4, "little")
                + body
            )

    def test_another_version_is_named(self) -> None:
        blob = bytearray(Config().dump())
        blob[8] = 99
        with pytest.raises(ConfigError, match=r"format 99, not 1"):
            Config.parse(bytes(blob))

    def test_settings_of_a_later_release_are_passed_over(self) -> None:
        blob = settings.pack(b"ATCONF\r\n", {"job": "x", "brand_new": 1})
        assert Config.parse(blob) == Config(job="x")

    def test_the_encoding_is_the_same_in_all_pythons(self) -> None:
        body = Config().dump()[16:]
        assert body == marshal.dumps(marshal.loads(body), 2)


class TestHome:
    def test_given(self) -> None:
        assert settings.home({"AUTOTRACE_HOME": "/srv/x/", "HOME": "/h"}) == "/srv/x"
        assert settings.home({"AUTOTRACE_HOME": "~/x", "HOME": "/h"}) == "/h/x"
        assert settings.home({"AUTOTRACE_HOME": "x"}) == f"{Path.cwd()}/x"

    def test_default(self) -> None:
        assert settings.home({"XDG_DATA_HOME": "/data", "HOME": "/h"}) == "/data/autotrace"
        assert settings.home({"XDG_DATA_HOME": "data", "HOME": "/h"}) == "/h/.local/share/autotrace"
        assert settings.home({"AUTOTRACE_HOME": "", "HOME": "/"}) == "/.local/share/autotrace"

    def test_without_home_in_the_environment(self) -> None:
        user = pwd.getpwuid(os.geteuid()).pw_dir
        assert settings.home({}) == f"{user}/.local/share/autotrace"

    def test_a_user_that_nobody_knows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 987_654_321)
        assert settings.home({}) == "/tmp/autotrace-987654321"
        assert settings.home({"TMPDIR": "/var/t"}) == "/var/t/autotrace-987654321"

    def test_this_process(self, home: Path) -> None:
        assert settings.home() == str(home)


@given(st.text("ab*", max_size=6), st.text("ab", max_size=6))
def test_patterns_mean_what_a_shell_means(pattern: str, text: str) -> None:
    import fnmatch

    assert settings.matches(pattern, text) == fnmatch.fnmatchcase(text, pattern)
