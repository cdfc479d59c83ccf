"""As much of SOQL as the stand-in answers: one object's fields, conditions, an order, a limit."""

from __future__ import annotations

import re
from typing import Any

Record = dict[str, Any]

_QUERY = re.compile(
    r"\s*SELECT\s+(?P<fields>[\w.,\s()]+?)\s+FROM\s+(?P<sobject>\w+)"
    r"(?:\s+WHERE\s+(?P<where>.+?))?(?:\s+ORDER\s+BY\s+(?P<order>\w+))?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(\w+)\s*(!=|<=|>=|=|<|>|\bIN\b)\s*(.+)", re.IGNORECASE | re.DOTALL)


class SoqlError(Exception):
    """A query that Salesforce would refuse, with its error code (``MALFORMED_QUERY``, …)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def select(query: str, tables: dict[str, dict[str, Record]]) -> tuple[str, list[Record]]:
    """The object's name and the records that ``query`` asks for, with the asked fields.

    ``tables`` maps an object's name to its records by id. Raises :class:`SoqlError`.
    """
    match = _QUERY.fullmatch(query)
    if match is None:
        word = query.split()[0] if query.split() else ""
        raise SoqlError(
            "MALFORMED_QUERY",
            f"\n{query}\n^\nERROR at Row:1:Column:1\nunexpected token: '{word}'",
        )
    sobject = match["sobject"]
    if sobject not in tables:
        raise SoqlError(
            "INVALID_TYPE",
            f"\nFROM {sobject}\n     ^\nERROR at Row:1:Column:1\n"
            f"sObject type '{sobject}' is not supported.",
        )
    fields = [field.strip() for field in match["fields"].split(",")]
    records = list(tables[sobject].values())
    for field in fields:
        if records and field not in records[0]:
            raise SoqlError(
                "INVALID_FIELD",
                f"\nSELECT {field}\n       ^\nERROR at Row:1:Column:8\n"
                f"No such column '{field}' on entity '{sobject}'.",
            )
    for condition in re.split(r"\s+AND\s+", match["where"] or "", flags=re.IGNORECASE):
        if condition:
            records = [record for record in records if _holds(condition, record)]
    if match["order"]:
        records.sort(key=lambda record: str(record[match["order"]]))
    if match["limit"]:
        records = records[: int(match["limit"])]
    return sobject, [{field: record[field] for field in fields} for record in records]


def _holds(condition: str, record: Record) -> bool:
    match = _CONDITION.fullmatch(condition.strip())
    if match is None or match[1] not in record:
        raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{condition}'")
    ours, operator, text = record[match[1]], match[2].upper(), match[3].strip()
    if operator == "IN":
        return ours in [_literal(part.strip()) for part in text.strip("()").split(",")]
    theirs = _literal(text)
    if operator in ("=", "!="):
        return (ours == theirs) is (operator == "=")
    if ours is None or theirs is None:
        return False
    return {
        "<": ours < theirs,
        "<=": ours <= theirs,
        ">": ours > theirs,
        ">=": ours >= theirs,
    }[operator]


def _literal(text: str) -> Any:
    if text.startswith("'"):
        return text[1:-1].replace("\\'", "'")
    words = {"null": None, "true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    return int(text) if text.isdigit() else text
