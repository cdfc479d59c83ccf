"""Payloads become flat, bounded, ordered fields, whatever they are made of."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import json
import math
import string
import threading
import time
import types
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrace.agent import fields
from autotrace.agent.fields import CUT, body, clip, flatten
from autotrace.agent.redact import MASK, Redactor

redact = Redactor()


def flat(value: object, prefix: str = "p", **options: Any) -> dict[str, Any]:
    into: dict[str, Any] = {}
    flatten(prefix, value, into, **{"redact": redact, **options})
    return into


CUSTOMER = {
    "object": "customer",
    "email": "jane@example.com",
    "balance": 0,
    "delinquent": False,
    "default_source": None,
    "metadata": {},
    "address": {"city": "Berlin", "line2": None},
    "preferred_locales": ["de", "en"],
    "sources": {
        "object": "list",
        "data": [{"id": "card_1", "cvc": "737"}, {"id": "card_2"}, {"x": 1}],
    },
    "client_secret": "abc",
    "status": "active",
    "account_id": "acct_1",
    "id": "cus_1",
}


def test_order_and_shape() -> None:
    assert list(flat(CUSTOMER).items()) == [
        ("p.account_id", "acct_1"),
        ("p.id", "cus_1"),
        ("p.object", "customer"),
        ("p.status", "active"),
        ("p.email", "jane@example.com"),
        ("p.balance", 0),
        ("p.delinquent", False),
        ("p.client_secret", MASK),
        ("p.preferred_locales", ["de", "en"]),
        ("p.preferred_locales.count", 2),
        ("p.address.city", "Berlin"),
        ("p.sources.object", "list"),
        ("p.sources.data.ids", ["card_1", "card_2"]),
        ("p.sources.data.count", 3),
    ]


def test_lists() -> None:
    assert flat({"a": list(range(25))}) == {"p.a": list(range(10)), "p.a.count": 25}
    assert flat({"a": []}) == {"p.a.count": 0}
    assert flat({"a": [1, 2.5]}) == {"p.a": [1.0, 2.5], "p.a.count": 2}
    assert flat({"a": [1, "x", None, True]}) == {"p.a": ["1", "x", "null", "true"], "p.a.count": 4}
    assert flat({"a": [[1, 2], "x"]}) == {"p.a": ["[2 items]", "x"], "p.a.count": 2}
    assert flat({"a": [{"name": "x"}]}) == {"p.a.count": 1}
    assert flat({"a": [{"Id": 1}, {"id": "b"}]}) == {"p.a.ids": ["1", "b"], "p.a.count": 2}
    assert flat({"a": [{"id": n} for n in range(25)]}) == {
        "p.a.ids": list(range(10)),
        "p.a.count": 25,
    }
    assert flat({"a": ("x",), "b": {"y"}, "c": frozenset((1,))}) == {
        "p.a": ["x"], "p.a.count": 1, "p.b": ["y"], "p.b.count": 1, "p.c": [1], "p.c.count": 1,
    }  # fmt: skip
    assert flat([{"id": 5}]) == {"p.ids": [5], "p.count": 1}
    assert flat(["password=x1"]) == {"p": ["password=[redacted]"], "p.count": 1}


def test_scalars() -> None:
    class Plan(str, enum.Enum):
        PRO = "pro"

    class Level(enum.IntEnum):
        HIGH = 3

    zone = datetime.timezone(datetime.timedelta(hours=2))
    known = uuid.UUID(int=5)
    assert flat(
        {
            "big": 2**63,
            "low": -(2**63),
            "lower": -(2**63) - 1,
            "huge": 10**5_000,
            "nan": math.nan,
            "inf": math.inf,
            "down": -math.inf,
            "dec": decimal.Decimal("12.50"),
            "day": datetime.date(2024, 1, 2),
            "at": datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=zone),
            "time": datetime.time(3, 4),
            "took": datetime.timedelta(seconds=5),
            "uuid": known,
            "raw": b"text",
            "binary": b"\xff\x00",
            "array": bytearray(b"text"),
            "plan": Plan.PRO,
            "level": Level.HIGH,
            "complex": 1 + 2j,
            "function": len,
            "none": None,
        }
    ) == {
        "p.big": str(2**63),
        "p.low": -(2**63),
        "p.lower": str(-(2**63) - 1),
        "p.huge": "<int of 16,610 bits>",
        "p.nan": "NaN",
        "p.inf": "Infinity",
        "p.down": "-Infinity",
        "p.dec": "12.50",
        "p.day": "2024-01-02",
        "p.at": "2024-01-02T03:04:05+02:00",
        "p.time": "03:04:00",
        "p.took": "0:00:05",
        "p.uuid": str(known),
        "p.raw": "text",
        "p.binary": "<2 bytes>",
        "p.array": "text",
        "p.plan": "pro",
        "p.level": 3,
        "p.complex": "(1+2j)",
        "p.function": "<builtin_function_or_method>",
    }
    assert type(flat({"level": Level.HIGH})["p.level"]) is int
    assert type(flat({"plan": Plan.PRO})["p.plan"]) is str
    assert flat("text") == {"p": "text"}
    assert flat(5) == {"p": 5}
    assert flat(None) == {}
    assert flat(object()) == {"p": "<object>"}


def test_names_that_only_say_they_are_of_the_standard_library() -> None:
    class Decimal:
        def __str__(self) -> str:
            raise SystemExit

    Decimal.__module__ = "decimal"
    assert flat({"a": Decimal()}) == {"p.a": "<Decimal>"}


def test_depth() -> None:
    deep: dict[str, Any] = {"v": 1, "w": 2}
    for name in "dcba":
        deep = {name: deep}
    assert flat(deep) == {"p.a.b.c.d": "{2 fields}"}
    assert flat({"a": {"b": {"c": {"d": {}}}}}) == {}
    assert flat({"a": {"b": {"c": {"d": [1]}}}}) == {"p.a.b.c.d": [1], "p.a.b.c.d.count": 1}
    assert flat({"a": {"b": {"c": {"d": {"e": 1}}}}}) == {"p.a.b.c.d": "{1 field}"}
    assert flat({"a": {"b": 1}}, depth=1) == {"p.a": "{1 field}"}


def test_the_limit_keeps_what_matters_and_says_what_it_cut() -> None:
    payload: dict[str, Any] = {f"field{number}": number for number in range(100)}
    payload["id"] = "x1"
    payload["status"] = "open"
    payload["inner"] = {"a": 1}
    kept = flat(payload)
    assert len(kept) == 64
    assert list(kept)[:3] == ["p.id", "p.status", "p.field0"]
    assert kept[f"p.{CUT}"] == 103 - 63
    exactly = flat({f"field{number}": number for number in range(64)})
    assert len(exactly) == 64
    assert f"p.{CUT}" not in exactly
    assert flat({"a": 1, "b": 2}, limit=1) == {f"p.{CUT}": 2}
    assert flat({"a": 1}, limit=0) == {}
    assert flat({"a": 1, "b": {"c": 2, "d": 3}}, limit=2) == {"p.a": 1, f"p.{CUT}": 2}


def test_the_limit_leaves_the_fields_of_others_alone() -> None:
    into: dict[str, Any] = {"mine": 1}
    flatten("p", {f"f{number}": number for number in range(10)}, into, limit=1, redact=redact)
    assert into == {"mine": 1, f"p.{CUT}": 10}


def test_names() -> None:
    assert flat(
        {
            "a.b": 1,
            "c\nd\x00": 2,
            "": 3,
            5: 4,
            True: 5,
            b"raw": 6,
            ("t", 1): 7,
            "grün": 8,
            "lone\ud800": 9,
        }
    ) == {
        "p.a_b": 1, "p.c_d_": 2, "p._": 3, "p.5": 4, "p.True": 5, "p.raw": 6, "p.<tuple>": 7,
        "p.grün": 8, "p.lone?": 9,
    }  # fmt: skip
    assert flat({"a": 1}, prefix="") == {"a": 1}
    (name,) = flat({"x" * 100_000: 1})
    assert len(name) < 140
    (name,) = flat({"sk_live_" + "abcdefgh": 1})
    assert "abcdefgh" not in name


def test_secrets_by_name() -> None:
    assert flat(
        {
            "password": "x1", "Token": 5, "apiKey": ["x1"], "credentials": {"a": "x1"}, "cvc": "",
            "secret": True, "pin": None, "page_token": "kept", "cvc_check": "pass",
        }
    ) == {
        "p.password": MASK, "p.Token": MASK, "p.apiKey": MASK, "p.credentials": MASK, "p.cvc": "",
        "p.secret": True, "p.page_token": "kept", "p.cvc_check": "pass",
    }  # fmt: skip
    assert flat({"number": 4242424242424242, "exp": 12}) == {"p.number": MASK, "p.exp": 12}
    assert flat({"number": "4242 4242 4242 4242"}) == {"p.number": MASK}
    assert flat({"cards": [4242424242424242]}) == {"p.cards": [MASK], "p.cards.count": 1}


def test_each_redactor_has_names_of_its_own() -> None:
    payload = {"plan": "gold"}
    assert flat(payload) == {"p.plan": "gold"}
    assert flat(payload, redact=redact.extended(keys=["plan"])) == {"p.plan": MASK}
    assert flat(payload) == {"p.plan": "gold"}


def test_without_a_redactor_the_secrets_are_found_as_well() -> None:
    into: dict[str, Any] = {}
    flatten("p", {"password": "x1"}, into)
    assert into == {"p.password": MASK}


class Hostile:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise SystemExit(name)

    def __repr__(self) -> str:
        raise SystemExit

    __str__ = __repr__
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise SystemExit

    def __iter__(self) -> Iterator[Any]:
        raise SystemExit

    def __len__(self) -> int:
        raise SystemExit

    def __bool__(self) -> bool:
        raise SystemExit


class HostileKey(Hostile):
    def __hash__(self) -> int:
        return 1


class HostileDict(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise SystemExit

    __iter__ = keys = values = get = __getitem__ = __len__ = __contains__ = __repr__ = items


class HostileList(list):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        raise SystemExit

    __getitem__ = __len__ = __contains__ = __repr__ = __iter__


class HostileText(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise SystemExit

    __repr__ = __len__ = __getitem__ = __iter__ = __str__  # type: ignore[assignment]
    isprintable = lower = encode = __str__  # type: ignore[assignment]

    def __hash__(self) -> int:
        return 1


class HostileInt(int):
    def __int__(self) -> int:
        raise SystemExit

    __str__ = __repr__ = __index__ = __int__  # type: ignore[assignment]
    __lt__ = __gt__ = __le__ = __ge__ = __eq__ = __int__  # type: ignore[assignment]

    def __hash__(self) -> int:
        return 1


class HostileFloat(float):
    def __float__(self) -> float:
        raise SystemExit

    __str__ = __repr__ = __float__  # type: ignore[assignment]
    __lt__ = __gt__ = __le__ = __ge__ = __eq__ = __ne__ = __float__  # type: ignore[assignment]

    def __hash__(self) -> int:
        return 1


def test_hostile_objects_are_never_asked() -> None:
    assert flat(Hostile()) == {"p": "<Hostile>"}
    assert flat(
        {
            "object": Hostile(),
            "list": [Hostile()],
            "dict": HostileDict(a=1),
            "hlist": HostileList([1, 2]),
            "text": HostileText("password=x1"),
            "int": HostileInt(5),
            "float": HostileFloat(2.5),
            "class": Hostile,
            "password": Hostile(),
            HostileText("named"): 1,
        }
    ) == {
        "p.object": "<Hostile>", "p.list": ["<Hostile>"], "p.list.count": 1, "p.dict.a": 1,
        "p.hlist": [1, 2], "p.hlist.count": 2, "p.text": "password=[redacted]", "p.int": 5,
        "p.float": 2.5, "p.class": "<type>", "p.password": MASK, "p.named": 1,
    }  # fmt: skip
    assert flat(HostileDict(a=HostileDict(id=1))) == {"p.a.id": 1}
    assert flat([HostileDict(id=1)]) == {"p.ids": [1], "p.count": 1}
    # Two such keys cannot be in one dict, as their __eq__ would be called by the program itself.
    assert flat({HostileKey(): 1}) == {"p.<HostileKey>": 1}


def test_dict_subclasses_of_the_standard_library() -> None:
    counted = collections.defaultdict(list, {"a": [1]})
    assert flat(collections.OrderedDict(a=1)) == {"p.a": 1}
    assert flat(counted) == {"p.a": [1], "p.a.count": 1}
    assert flat(collections.Counter("aab")) == {"p.a": 2, "p.b": 1}
    assert flat(types.MappingProxyType({"a": 1})) == {"p": "<mappingproxy>"}


def test_cycles_end() -> None:
    loop: dict[str, Any] = {"id": 1}
    loop["self"] = loop
    ring: list[Any] = []
    ring.append(ring)
    loop["ring"] = ring
    result = flat(loop)
    assert result["p.self.self.self.id"] == 1
    assert result["p.self.self.self.self"] == "{3 fields}"
    assert result["p.ring"] == ["[1 items]"]


def test_a_dict_that_another_thread_changes() -> None:
    payload: dict[str, Any] = {f"k{number}": "value of this" for number in range(200)}
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            payload[f"n{number % 500}"] = number
            payload.pop(f"n{(number * 7) % 500}", None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            assert len(flat(payload)) <= 64
    finally:
        stop.set()
        thread.join()


def test_size_does_not_matter() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = {"a": deep}
    payloads = [
        {f"k{number}": number for number in range(1_000_000)},
        {"a": list(range(1_000_000))},
        {"a": [{"id": number} for number in range(100_000)]},
        {"a": "word password=x1 " * 3_000_000},
        {"a": b"x" * 50_000_000},
        {"a": 1 << 80_000_000},
        {"a": decimal.Decimal(1 << 300_000)},
        deep,
        {f"d{n}": {f"e{m}": {f"f{o}": {"g": "x" * 5_000} for o in range(20)} for m in range(20)}
         for n in range(20)},
        {"a": set(range(1_000_000))},
    ]  # fmt: skip
    for payload in payloads:
        start = time.thread_time()
        result = flat(payload)
        assert time.thread_time() - start < 1
        assert len(result) <= 64
        assert "x1" not in str(result)
    # What is deeper than the interpreter can take apart by itself is taken apart by hand.
    while isinstance(deep, dict):
        deep = deep.pop("a")


def test_what_is_remembered_is_bounded() -> None:
    own = Redactor()
    for number in range(3_000):
        flat({f"name{number}": 1}, prefix=f"prefix{number}", redact=own)
        flat({f"name{number}": 1, f"other{number}": {"a": 1}}, redact=own)
        flat({}, prefix=f"empty{number}", redact=own)
    kept = len(own.prefixes) + sum(map(len, own.prefixes.values()))
    assert 0 < kept <= 4_200


def test_clip() -> None:
    assert clip("short") == "short"
    text = clip("x" * 5_000)
    assert len(text) <= 1_024
    assert text.endswith("…(4,000 more)")
    assert clip(text) == text
    assert clip("x" * 100, 50).endswith(" more)")
    assert clip(HostileText("abc")) == "abc"
    assert clip(None) == ""  # type: ignore[arg-type]


def parsed(data: object, content_type: object) -> dict[str, Any]:
    into: dict[str, Any] = {}
    body("b", data, content_type, into, redact=redact)
    return into


def test_json_bodies() -> None:
    expected = {"b.size": 29, "b.id": 5, "b.password": MASK}
    text = '{"id": 5, "password": "x1ü"}'
    assert parsed(text.encode(), "application/json; charset=utf-8") == expected
    assert parsed(text.encode(), b"application/problem+json") == expected
    assert parsed(bytearray(text.encode()), "APPLICATION/JSON") == expected
    assert parsed(text, "text/json")["b.size"] == 28
    assert parsed("\ufeff[1]", "application/json") == {"b.size": 4, "b": [1], "b.count": 1}
    assert parsed('"token=x1"', "application/json") == {"b.size": 10, "b": "token=[redacted]"}
    assert parsed("null", "application/json") == {"b.size": 4}
    assert parsed("", "application/json") == {"b.size": 0}


@pytest.mark.parametrize(
    "data",
    ['{"id": 5', "nonsense", "[" * 60_000, "9" * 60_000, b"\xff\xfe", '{"a": 1} {"b": 2}'],
)
def test_bodies_that_do_not_parse_have_a_size(data: str | bytes) -> None:
    assert parsed(data, "application/json") == {"b.size": len(data)}


def test_forms() -> None:
    form = (
        "id=1&card%5Bnumber%5D=4242424242424242&card[cvc]=737&items[0][price]=p_1&expand[]=a"
        "&expand[]=b&tag=x&tag=y&note=two+words%21&password=x1&empty=&=odd&alone&a=1&a[b]=2"
    )
    assert parsed(form, "application/x-www-form-urlencoded") == {
        "b.size": len(form),
        "b.id": "1",
        "b.note": "two words!",
        "b.password": MASK,
        "b.empty": "",
        "b.alone": "",
        "b.a.b": "2",
        "b.expand": ["a", "b"],
        "b.expand.count": 2,
        "b.tag": ["x", "y"],
        "b.tag.count": 2,
        "b.card.number": MASK,
        "b.card.cvc": MASK,
        "b.items.0.price": "p_1",
    }


def test_other_bodies_have_a_size_only() -> None:
    class Stream:
        def read(self) -> bytes:
            raise AssertionError("a body was read")

        __iter__ = __len__ = __getitem__ = read

    assert parsed(b"password=x1", "text/plain") == {"b.size": 11}
    assert parsed(b"{}", None) == {"b.size": 2}
    assert parsed(b'{"a": 1}' + b" " * 100_000, "application/json") == {"b.size": 100_008}
    assert parsed(None, "application/json") == {}
    assert parsed(Stream(), "application/json") == {}
    assert parsed((byte for byte in b""), "application/json") == {}


NESTED = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=40),
        st.binary(max_size=20),
        st.decimals(),
        st.datetimes(),
        st.uuids(),
        st.complex_numbers(),
        st.builds(object),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=14),
        st.tuples(inner, inner),
        st.dictionaries(
            st.one_of(
                st.sampled_from(["id", "status", "password", "user_id", "type", "data", "token"]),
                st.text(max_size=20),
                st.integers(),
                st.none(),
                st.tuples(st.integers()),
            ),
            inner,
            max_size=14,
        ),
    ),
    max_leaves=80,
)


@settings(max_examples=150, deadline=None)
@given(NESTED, st.integers(0, 70), st.integers(1, 6))
def test_bounds_hold_for_anything(value: object, limit: int, depth: int) -> None:
    result = flat(value, limit=limit, depth=depth)
    assert len(result) <= limit
    for name, held in result.items():
        assert name == "p" or name.startswith("p.")
        assert name.isprintable()
        name.encode()
        # Each step of a name is a key without dots; below them only .count, .ids or the mark.
        assert name.count(".") <= depth + 2
        items = held if type(held) is list else [held]
        assert len(items) <= 10
        assert len({type(item) for item in items}) <= 1
        for item in items:
            assert type(item) in (str, bool, int, float)
            if type(item) is str:
                assert len(item) <= 1_024
                item.encode()
            elif type(item) is int:
                assert -(2**63) <= item < 2**63
            elif type(item) is float:
                assert math.isfinite(item)


LETTERS = string.ascii_letters + string.digits
PLANTED = "qZ7" + "k9W" * 8
PLACES = st.sampled_from(
    [
        "sk_live_" + PLANTED,
        "password=" + PLANTED,
        f"Authorization: Bearer {PLANTED}",
        f"mysql://app:{PLANTED}@db/shop",
        f'{{"token": "{PLANTED}"}}',
        f"ghp_{PLANTED}{PLANTED}",
    ]
)


@settings(max_examples=80, deadline=None)
@given(st.data(), PLACES)
def test_no_planted_secret_survives_in_a_structure(data: st.DataObject, secret: str) -> None:
    """The secret goes anywhere: as a value, in a list, below a secret name, as a name."""
    leaf = st.one_of(st.just(secret), st.just(secret.encode()), st.text(LETTERS, max_size=9))
    named = st.fixed_dictionaries({"client_secret": st.just(PLANTED)})
    tree = data.draw(
        st.recursive(
            leaf,
            lambda inner: st.one_of(
                st.lists(inner, min_size=1, max_size=4),
                st.tuples(inner),
                named,
                st.dictionaries(
                    st.one_of(st.just(secret), st.text(LETTERS, min_size=1, max_size=6)),
                    inner,
                    min_size=1,
                    max_size=4,
                ),
                st.dictionaries(
                    st.sampled_from(["password", "apiKey", "cvc", "id", "private_key"]),
                    st.one_of(st.just(secret), st.lists(st.just(secret), max_size=2)),
                    min_size=1,
                ),
            ),
            max_leaves=30,
        )
    )
    assert PLANTED not in repr(flat(tree))
    assert PLANTED not in repr(flat({"password": tree}))
    as_text = json.dumps(tree, default=lambda raw: raw.decode())
    assert PLANTED not in repr(parsed(as_text, "application/json"))
    assert PLANTED not in redact.text(as_text)


def test_flattening_twice_gives_the_same() -> None:
    assert flat(CUSTOMER) == flat(CUSTOMER)
    names = redact.prefixes["p"]
    assert names["email"] == ("p.email", fields._PLAIN)
