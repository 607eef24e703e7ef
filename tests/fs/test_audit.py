"""-o audit=: who read what, and who gave what (issue of shared servers)."""

import json
import os
import stat
import subprocess

import pytest

from imports import folder, people, wait_for

SMALL = "SV_demoSmall000014"


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_each_open_of_content_is_told(sandbox, mounts, tmp_path):
    file = tmp_path / "audit"
    mount = mounts(sandbox, f"audit={file}")
    path = mount.path / "surveys" / SMALL / "responses.csv"
    with subprocess.Popen(["cat", path], stdout=subprocess.DEVNULL) as cat:
        pass
    subprocess.run(["head", "-c", "1", path], stdout=subprocess.DEVNULL, check=True)
    (mount.path / "STATUS.txt").read_text()
    os.listdir(mount.path / "surveys")
    first, second = lines(file)
    assert (first["what"], first["uid"], first["pid"], first["program"]) == ("open", os.getuid(), cat.pid, "cat")
    assert (first["path"], first["bytes"], first["outcome"]) == (f"surveys/{SMALL}/responses.csv", len(sandbox.entry(SMALL)), "ok")
    assert second["program"] == "head" and second["generation"] == first["generation"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_refused_is_told(sandbox, mounts, tmp_path):
    file = tmp_path / "audit"
    mount = mounts(sandbox, f"audit={file}")
    sandbox.fault("export_start", "status", status=403)
    path = mount.path / "surveys" / SMALL / "responses.csv"
    with pytest.raises(OSError):
        path.read_bytes()
    with pytest.raises(OSError), open(path, "r+b"):
        pass
    assert [(line["path"], line["outcome"]) for line in lines(file)] == [
        (f"surveys/{SMALL}/responses.csv", "EACCES"), (f"surveys/{SMALL}/responses.csv", "EROFS")]


def test_what_is_given_and_imported_is_told(sandbox, mounts, tmp_path):
    file = tmp_path / "audit"
    mount = mounts(sandbox, f"audit={file}", "import_delay=0")
    target = folder(mount) / "a.csv"
    target.write_bytes(people(2))
    assert wait_for(mount, target)[0] == 0
    given, ended = lines(file)
    assert given["path"].endswith("import/a.csv") and ended["path"].endswith("import/a.csv")
    assert given["what"] == "give" and given["uid"] == os.getuid() and given["program"].startswith("python")
    assert (ended["what"], ended["uid"], ended["bytes"], ended["outcome"]) == ("import", os.getuid(), len(people(2)), "done")


def test_two_mounts_add_to_one_file(sandbox, mounts, tmp_path):
    file = tmp_path / "audit"
    for name in ("a", "b"):
        mount = mounts(sandbox, f"audit={file}", name=name)
        (mount.path / "surveys" / SMALL / "survey.json").read_bytes()
    assert len(lines(file)) == 2


def test_a_file_that_cannot_be_written_ends_the_start(sandbox, mounts, tmp_path):
    mount = mounts(sandbox, f"audit={tmp_path}/none/audit", start=False)
    mount.path.mkdir()
    answer = mount.run("-o", f"audit={tmp_path}/none/audit", mount.path)
    assert answer.returncode == 1 and "audit=" in answer.stderr
