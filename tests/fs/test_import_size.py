"""Large imports: memory that does not grow with them, and a close() that costs what the disk costs."""

import os
import time

import pytest

from common import SANITIZED, peak_of
from control import SLOW  # tests/sandbox/control.py
from imports import folder, members, people, report_of, wait_for

ROWS = 20_000 if SANITIZED else 200_000


@pytest.mark.timeout(200 * SLOW)
def test_many_contacts_are_taken_split_imported_and_reported(sandboxes, mounts):
    box = sandboxes(settings={"import_polls": 1, "page_size": 1000})
    mount = mounts(box, "import_delay=0")
    target = folder(mount) / "many.csv"
    target.write_bytes(people(ROWS))
    status, said = wait_for(mount, target)
    assert status == 0, said
    assert f"{ROWS} added" in said
    done = target.parent / "done" / "many.csv"
    assert f"{ROWS} added" in report_of(done)
    assert box.count("contact_import") == ROWS // 10_000
    assert SANITIZED or peak_of(mount.pid) < 64 << 20
    found = members(box)
    assert len(found) == ROWS
    for n in (0, 9_999, 10_000, ROWS - 1):
        assert found[f"person{n}@example.com"]["embeddedData"] == {"Code": f"{n:05}"}


def seconds_of(work):
    began = time.monotonic()
    work()
    return time.monotonic() - began


def on_disk(path, data):
    def work():
        with open(f"{path}.part", "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(f"{path}.part", path)
        folder_fd = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder_fd)
        os.close(folder_fd)

    return seconds_of(work)


def closing(path, data):
    file = open(path, "wb", buffering=0)
    for at in range(0, len(data), 1 << 17):
        file.write(data[at : at + (1 << 17)])
    return seconds_of(file.close)


@pytest.mark.skipif(SANITIZED, reason="they are slow at what is measured here")
def test_closing_costs_about_what_the_disk_costs(sandbox, mounts, tmp_path):
    """DESIGN.md 8 promises three times; the machine may be busy."""
    mount = mounts(sandbox, "import_delay=3600")
    data = people(120_000)
    assert len(data) > 5_000_000
    disk = [on_disk(tmp_path / "state" / f"plain{n}", data) for n in range(5)]
    ours = [closing(folder(mount) / f"f{n}.csv", data) for n in range(5)]
    ratio = min(ours) / min(disk)
    print(f"close() of {len(data)} bytes: {min(ours):.4f} s, the disk's part {min(disk):.4f} s: {ratio:.2f} times")
    assert ratio < 3 * SLOW
