"""The programs of the documentation run, and give what the pages say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from documentation import ROOT, blocks, text_of

TUTORIAL = ROOT / "docs/tutorial.md"
OWN_CODE = ROOT / "docs/how-to/trace-your-own-code.md"
INSTRUMENTATION = ROOT / "docs/how-to/write-an-instrumentation.md"

# Not through PYTHONPATH: there, a checkout's own sitecustomize would take it off again.
HERE = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
RUN = f"{HERE}from autotrace.commands.run import main; sys.exit(main())"
SHOW = f"{HERE}from autotrace.commands import main; sys.exit(main())"
UNTRACED = f"{HERE}import runpy; runpy.run_path('settle.py')"


def programs(page: Path, name: str) -> list[str]:
    """The versions of the file `name` that a page gives, in their order."""
    return [block.text for block in blocks(page) if block.file == name]


def started(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a folder."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def last_run(folder: Path) -> dict[str, Any]:
    """The last run with its spans, as `show --json` gives it."""
    shown: dict[str, Any] = json.loads(started(folder, "-c", SHOW, "show", "--json").stdout)
    return shown


@pytest.fixture
def rates_url() -> Iterator[str]:
    """The tutorial's API, on a port that is free."""
    (source,) = programs(TUTORIAL, "rates.py")
    definitions, start, _ = source.partition('ThreadingHTTPServer(("127.0.0.1", 8765)')
    assert start
    namespace: dict[str, Any] = {}
    exec(compile(definitions, "rates.py", "exec"), namespace)
    with ThreadingHTTPServer(("127.0.0.1", 0), namespace["Rates"]) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/rates"
        server.shutdown()


def test_the_tutorial_s_job_is_as_slow_and_as_fast_as_it_says(
    rates_url: str, tmp_path: Path
) -> None:
    pytest.importorskip("requests")
    (prepare,) = programs(TUTORIAL, "prepare.py")
    (tmp_path / "prepare.py").write_text(prepare)
    assert started(tmp_path, "prepare.py").returncode == 0
    slow, fast = programs(TUTORIAL, "convert.py")
    said = re.findall(r"^convert +✓ .* (\d+) spans ", text_of(TUTORIAL), re.MULTILINE)
    assert len(said) == 2
    for program, spans in zip((slow, fast), said):
        address = "http://127.0.0.1:8765/rates"
        assert address in program
        (tmp_path / "convert.py").write_text(program.replace(address, rates_url))
        ended = started(tmp_path, "-c", RUN, "-q", sys.executable, "convert.py")
        assert (ended.returncode, ended.stdout) == (0, "30 orders converted\n"), ended.stderr
        run = last_run(tmp_path)
        assert run["run"]["spans"] == int(spans)
    names = [span["name"] for span in run["spans"]]
    assert names[:3] == ["convert", "connect", "SELECT orders customers"]


def test_own_spans(tmp_path: Path) -> None:
    (program,) = programs(OWN_CODE, "settle.py")
    (tmp_path / "settle.py").write_text(program)
    bare = started(tmp_path, "-c", UNTRACED)
    assert (bare.returncode, bare.stdout, bare.stderr) == (0, "", "")
    ended = started(tmp_path, "-c", RUN, "-q", sys.executable, "settle.py")
    assert (ended.returncode, ended.stderr) == (0, "")
    root, night, *accounts = last_run(tmp_path)["spans"]
    assert root["attributes"]["region"] == "eu"
    assert (night["name"], night["attributes"]["settled"]) == ("nightly settlement", 2)
    assert [event["name"] for event in night["events"]] == ["skipped"]
    assert [span["attributes"]["account_id"] for span in accounts] == [0, 1, 2]
    assert [span["status"]["code"] for span in accounts] == ["unset", "error", "unset"]


ACME = """
class Refused(Exception):
    pass

class Client:
    host = "mail.acme.example"

    def send(self, template, recipient, **values):
        if "@" not in recipient:
            raise Refused(f"{recipient} is no address")
        return {"id": "msg_81", "status": "queued", "verification_link": "https://acme.example/v/93ab"}

    async def send_later(self, template, recipient, **values):
        return self.send(template, recipient, **values)
"""

MAIL = """
import asyncio
import acme

client = acme.Client()
client.send("reminder", "ada@example.com", name="Ada", api_key="k-123")
try:
    client.send("reminder", "ada")
except acme.Refused as error:
    print(error)
print(asyncio.run(client.send_later("reminder", "b@example.com"))["id"])
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Installed packages: the library that is instrumented, and who does so."""
    folder = tmp_path / "lib" / "site-packages"
    (folder / "acme_tracing").mkdir(parents=True)
    (folder / "acme_tracing/__init__.py").write_text("")
    (folder / "acme.py").write_text(ACME)
    (toml,) = programs(INSTRUMENTATION, "pyproject.toml")
    group = re.search(r'^\[project\.entry-points\."(.*)"\]\n(\w+) = "(.*)"$', toml, re.MULTILINE)
    assert group
    name, module, hooks = group.groups()
    (folder / "acme_tracing-1.0.dist-info").mkdir()
    (folder / "acme_tracing-1.0.dist-info/entry_points.txt").write_text(
        f"[{name}]\n{module} = {hooks}\n"
    )
    return folder


def traced(trace: Any, packages: Path, hooks: str) -> Any:
    (packages / "acme_tracing/acme.py").write_text(hooks)
    done = trace(MAIL, env={"PYTHONPATH": f"{ROOT}:{packages}"}, faults=True)
    assert done.stdout == "ada is no address\nmsg_81\n", done.stderr
    assert done.faults == []
    return done


def test_an_instrumentation_of_one_s_own(trace: Any, packages: Path) -> None:
    (hooks,) = programs(INSTRUMENTATION, "acme_tracing/acme.py")
    spans = traced(trace, packages, hooks).named("acme.messages.send")
    assert len(spans) == 3
    line = re.compile(r"^  ((?:acme|autotrace|server)\.\S+) +(.+)$", re.MULTILINE)
    said = dict(line.findall(text_of(INSTRUMENTATION)))
    assert len(said) == 9
    assert {name: spans[0].fields[name] for name in said} == said
    assert spans[1].fields["error.type"] == "acme.Refused"


def test_only_the_outer_of_two_functions_makes_a_span(trace: Any, packages: Path) -> None:
    (hooks,) = programs(INSTRUMENTATION, "acme_tracing/nested.py")
    spans = traced(trace, packages, hooks).named("acme.messages.send")
    assert [span.fields["acme.template"] for span in spans] == ["reminder"] * 3
