"""Brings the table of operations at the end of `instrumentations/stripe.py` up to date with an SDK.

    python scripts/stripe_operations.py [--check] [FOLDER…]

Each FOLDER is the package of one version of the SDK (`…/site-packages/stripe`), the newest first;
without any it is the installed one. Their services are read, not imported. Operations that the
table has and none of these versions knows any more stay: older SDKs go on calling them. With
`--check` nothing is written, and the exit code is 1 where something would change.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

TABLE = Path(__file__).resolve().parents[1] / "instrumentations" / "stripe.py"
BEGIN = "# Made by scripts/stripe_operations.py.\n"
CALLS = frozenset(("_request", "_request_stream", "request", "request_stream"))

Operations = dict[tuple[str, str], tuple[str, str]]
"""By verb and path with `{}` for each parameter: the path with their names, and the operation."""


def shape(path: str) -> str:
    """A path without its parameters' names, under which two versions' names for one call meet."""
    return re.sub(r"{\w+}", "{}", path)


def parse(package: Path, module: str) -> ast.Module | None:
    """The syntax tree of a module of the SDK, by its dotted name; None where it is not there."""
    path = package.parent.joinpath(*module.split(".")).with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8")) if path.exists() else None


def class_of(tree: ast.Module, name: str) -> ast.ClassDef | None:
    """The class of this name in a module."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node
    return None


def below(tree: ast.Module, service: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    """The services below one: attribute, module and class of each.

    Since 13 they stand in a table beside the class, before that they were made in its `__init__`.
    """
    imported = {
        alias.asname or alias.name: node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_subservices":
            for attribute, (module, name) in ast.literal_eval(node.value).items():
                yield attribute, module, name
    for made in ast.walk(service):
        if (
            isinstance(made, ast.Assign)
            and isinstance(made.value, ast.Call)
            and isinstance(made.value.func, ast.Name)
            and isinstance(made.targets[0], ast.Attribute)
            and made.value.func.id.endswith(("Service", "Services"))
        ):
            name = made.value.func.id
            yield made.targets[0].attr, imported.get(name, ""), name


def called(method: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Verb and path of each request that a method of a service makes."""
    for node in ast.walk(method):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr not in CALLS or len(node.args) < 2:
            continue
        verb: ast.expr = node.args[0]
        path: ast.expr = node.args[1]
        if isinstance(path, ast.Call) and isinstance(path.func, ast.Attribute):
            path = path.func.value
        if (
            isinstance(verb, ast.Constant)
            and isinstance(path, ast.Constant)
            and isinstance(verb.value, str)
            and isinstance(path.value, str)
        ):
            yield verb.value.upper(), path.value


def operations(package: Path) -> Operations:
    """All operations of the SDK in this folder."""
    found: Operations = {}
    waiting = [("", "stripe._stripe_client", "StripeClient")]
    seen = set()
    while waiting:
        prefix, module, name = waiting.pop(0)
        tree = parse(package, module) if module else None
        service = class_of(tree, name) if tree is not None else None
        if tree is None or service is None or (prefix, name) in seen:
            continue
        seen.add((prefix, name))
        for attribute, inner, inner_name in below(tree, service):
            # `client.v1.customers` and `client.customers` are one.
            path = prefix if attribute == "v1" else f"{prefix}{attribute}."
            waiting.append((path, inner, inner_name))
        for method in service.body:
            if isinstance(method, ast.FunctionDef):
                for verb, path in called(method):
                    operation = prefix + method.name
                    known = found.get((verb, shape(path)))
                    # Of two services with the same call, the deeper is the one that the path is of.
                    if known is None or known[1].count(".") < operation.count("."):
                        found[verb, shape(path)] = (path, operation)
    return found


def written(text: str) -> Operations:
    """The operations of the table in the instrumentation's text."""
    table: Operations = {}
    for line in text.partition(BEGIN)[2].splitlines():
        verb, _, rest = line.partition(" ")
        if verb in ("DELETE", "GET", "POST"):
            path, _, operation = rest.partition(" ")
            table[verb, shape(path)] = (path, operation)
    return table


def main(arguments: list[str]) -> int:
    """See the module's docstring; the exit code."""
    check = "--check" in arguments
    folders = [Path(each) for each in arguments if not each.startswith("-")]
    if not folders:
        spec = importlib.util.find_spec("stripe")
        if spec is None or spec.origin is None:
            print("stripe is not installed: name the folder of its package", file=sys.stderr)
            return 2
        folders = [Path(spec.origin).parent]
    text = TABLE.read_text(encoding="utf-8")
    known = written(text)
    table: Operations = {}
    for folder in folders:
        found = operations(folder)
        if not found:
            print(f"{folder}: no services of Stripe's here", file=sys.stderr)
            return 2
        table = {**found, **table}
    table = {**known, **table}
    lines = sorted((path, verb, operation) for (verb, _), (path, operation) in table.items())
    section = "".join(f"{verb} {path} {operation}\n" for path, verb, operation in lines)
    made = f'{text.partition(BEGIN)[0]}{BEGIN}OPERATIONS = """\n{section}"""  # noqa: E501\n'
    changed = made != text
    if changed and not check:
        TABLE.write_text(made, encoding="utf-8")
    gone = len(known.keys() - table.keys())
    print(f"{len(lines)} operations, {len(table.keys() - known.keys())} of them new, {gone} gone")
    return int(check and changed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
