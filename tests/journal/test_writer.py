"""The writer under the conditions of real processes: killed, forked, threaded, short of disk and of descriptors."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autotrace.journal import format as f
from autotrace.journal.reader import Journal, read
from autotrace.journal.writer import Writer

MIB = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> str:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return str(folder / "1.journal")


def start(writer: Writer, seq: int) -> bool:
    return writer.append(f.START_HEAD.pack(f.START_BYTES, f.START, 0, 0, 1, seq, 0, seq))


def seqs(path: str) -> list[int]:
    return [record[3] for record in read(path) if record[0] == f.START]


PRELUDE = """
import os, signal, sys
from autotrace.journal import format as f
from autotrace.journal.writer import Writer
writer = Writer(sys.argv[1], 7, 1 << 30)
def start(seq):
    return writer.append(f.START_HEAD.pack(f.START_BYTES, f.START, 0, 0, 1, seq, 0, seq))
"""


def run(path: str, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + code, path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "death",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os._exit(0)",
        "os.abort()",
        "import ctypes; ctypes.string_at(0)",
    ],
)
def test_every_record_outlives_the_process(path: str, death: str) -> None:
    run(path, f"for seq in range(1, 50_001): start(seq)\n{death}")
    assert seqs(path) == list(range(1, 50_001))


def test_killed_at_any_moment_nothing_before_is_lost(path: str) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            PRELUDE + "seq = 0\nwhile True:\n    seq += 1\n    start(seq)\n"
            "    if seq == 1000: os.write(1, b'x')",
            path,
        ],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.read(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    found = seqs(path)
    assert len(found) >= 1000
    assert found == list(range(1, len(found) + 1))


def test_threads_write_side_by_side_without_a_gap(path: str) -> None:
    writer = Writer(path, 7, 256 * MIB)
    each, threads = 20_000, 8
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:

        def work(number: int) -> None:
            for index in range(each):
                assert start(writer, number * each + index)

        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(interval)
    found = seqs(path)
    assert len(found) == each * threads
    assert sorted(found) == list(range(each * threads))


def test_a_signal_handler_may_write_at_any_moment(path: str) -> None:
    result = run(
        path,
        """
import itertools
number = itertools.count(1_000_000).__next__
written = []
def handler(*_):
    seq = number()
    if start(seq):
        written.append(seq)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
for seq in range(100_000): start(seq)
signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
print(len(written), number() - 1_000_000)
""",
    )
    # One that arrives in the midst of growing is refused rather than waited for.
    written, tried = map(int, result.stdout.split())
    found = seqs(path)
    assert written > 10
    assert written > tried / 2
    assert [seq for seq in found if seq < 1_000_000] == list(range(100_000))
    assert len([seq for seq in found if seq >= 1_000_000]) == written


def test_at_the_limit_records_are_refused_and_the_file_stays_whole(path: str) -> None:
    writer = Writer(path, 7, 4096 + 3 * MIB)
    written = 0
    while start(writer, written + 1):
        written += 1
    for _ in range(5000):
        assert not start(writer, 0)
        writer.drop()
    os.close(writer.fd)
    assert seqs(path) == list(range(1, written + 1))
    assert os.stat(path).st_blocks * 512 <= 4096 + 3 * MIB + 4096
    with Journal(path) as journal:
        assert journal.dropped == 5000


def test_a_record_that_is_too_large_is_refused_and_the_next_is_written(path: str) -> None:
    writer = Writer(path, 7, 64 * MIB)
    assert not writer.update(1, {"text": "x" * f.LARGEST_RECORD})
    assert writer.update(1, {"text": "x" * (f.LARGEST_RECORD - 1000)})
    for _ in range(10):
        assert writer.update(2, {"text": "y" * 200_000})
    os.close(writer.fd)
    assert len(list(read(path))) == 11


def test_a_full_disk_is_an_error_and_heals(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(path, 7, 64 * MIB)
    real = os.posix_fallocate

    def full(fd: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    written = 0
    while start(writer, written + 1):
        written += 1
    assert written > 30_000
    monkeypatch.setattr(os, "posix_fallocate", real)
    refused = 0
    while not start(writer, written + 1):
        refused += 1
        assert refused < 5000
    os.close(writer.fd)
    assert seqs(path) == list(range(1, written + 2))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_on_a_disk_that_is_really_full_the_process_lives(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no permission to mount a file system here")
    try:
        path = str(small / "1.journal")
        result = run(
            path,
            """
written = 0
for seq in range(1, 300_001):
    written += start(seq)
print(written)
""",
        )
        assert result.returncode == 0, result.stderr
        written = int(result.stdout)
        assert 50_000 < written < 300_000
        assert seqs(path) == list(range(1, written + 1))
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_low_descriptors_are_left_to_the_program(path: str) -> None:
    result = run(
        path,
        "for seq in range(100_000): start(seq)\n"
        "print(sorted(int(name) for name in os.listdir('/proc/self/fd') if int(name) < 10))",
    )
    # One of them is the listing itself.
    assert result.stdout.strip() == "[0, 1, 2, 3]"


def test_a_program_may_close_all_descriptors_and_reuse_their_numbers(
    path: str, tmp_path: Path
) -> None:
    other = tmp_path / "other.txt"
    result = run(
        path,
        f"""
for seq in range(10): start(seq)
os.closerange(3, 256)
files = [open({str(other)!r} + str(number), 'w') for number in range(30)]
for seq in range(10, 200_000): start(seq)
for number, file in enumerate(files): file.write(f'line {{number}}')
del writer
""",
    )
    assert result.returncode == 0, result.stderr
    assert seqs(path) == list(range(200_000))
    for number in range(30):
        assert Path(f"{other}{number}").read_text() == f"line {number}"


def test_memory_does_not_grow_with_the_journal(path: str) -> None:
    result = run(
        path,
        """
def resident():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
for seq in range(1000): start(seq)
before = resident()
peak = 0
for seq in range(1_000_000):
    start(seq)
    if seq % 10_000 == 0: peak = max(peak, resident())
print(peak - before)
""",
    )
    assert int(result.stdout) < 3 * MIB


def test_an_existing_file_is_not_touched(path: str) -> None:
    Path(path).write_text("mine")
    with pytest.raises(FileExistsError):
        Writer(path, 7, 64 * MIB)
    assert Path(path).read_text() == "mine"


def test_where_nothing_can_be_reserved_no_file_stays(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        Writer(path, 7, 64 * MIB)
    assert not os.path.exists(path)
