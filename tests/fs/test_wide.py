"""The wide tree: files made here, objects of lists, and what goes wrong with them."""

import errno
import hashlib
import json
import os
import re
import signal

import pytest

SMALL = "SV_demoSmall000014"


def folder(mount):
    return mount.path / "surveys" / SMALL


def age(mount, seconds):
    """Everything in the cache was exported so much earlier; when it was checked stays."""
    for path in mount.cache.glob("**/*.facts"):
        when = os.stat(path)
        body, seal = path.read_text().split(',\n"seal":"')
        body = re.sub(r'("exported_s":)(\d+)', lambda m: m[1] + str(int(m[2]) - seconds), body).encode()
        digest = hashlib.sha256(len(body).to_bytes(8, "big") + body).hexdigest()
        path.write_bytes(body + b',\n"seal":"' + digest[:seal.index('"')].encode() + b'"}\n')
        os.utime(path, ns=(when.st_atime_ns, when.st_mtime_ns))


def test_a_new_base_with_the_same_bytes_leaves_what_is_made_from_it_ready(sandbox, mount):
    """Made from another export, though it has the same bytes: it is not made again at each open."""
    plain = folder(mount) / "responses.plain.csv"
    content = plain.read_bytes()
    os.utime(folder(mount) / "responses.csv")
    assert plain.read_bytes() == content
    sandbox.reset_stats()
    assert os.stat(plain).st_size == len(content) and os.stat(plain).st_blocks > 0
    assert plain.read_bytes() == content
    assert sandbox.count() == 0


def test_a_file_made_now_from_an_old_export_is_not_new(sandbox, mounts):
    """In now/ nothing is older than a minute: the age of what is made here is its export's."""
    sandbox.append(SMALL, 1)
    first = mounts(sandbox, "fresh=3600")
    (folder(first) / "responses.csv").read_bytes()
    first.stop()
    age(first, 120)
    second = mounts(sandbox, "fresh=3600", folder=first.folder)
    plain = folder(second) / "responses.plain.csv"
    sandbox.reset_stats()
    before = plain.read_bytes()
    assert sandbox.count("export_start") == 0, "made from the export that is there"
    sandbox.append(SMALL, 1)
    assert (folder(second) / "now" / "responses.plain.csv").read_bytes() != before


def test_why_tells_that_the_list_of_a_files_folder_could_not_be_had(sandbox, mount):
    sandbox.fault("filters", "status", status=403)
    path = folder(mount) / "filters" / "Some filter" / "responses.csv"
    with pytest.raises(PermissionError):
        path.read_bytes()
    answer = mount.run("why", path)
    assert "last try failed" in answer.stdout and "403" in answer.stdout, answer.stdout
    assert ".." not in answer.stdout  # the service's words end with a stop of their own


def test_a_document_that_a_workbook_needs_keeps_its_time(sandbox, mounts, expire):
    """Nobody asked for schema.json: rsync has no reason to copy it again."""
    mount = mounts(sandbox, "fresh=1")
    schema = folder(mount) / "schema.json"
    schema.read_bytes()
    (folder(mount) / "responses.xlsx").read_bytes()
    (facts,) = [path for path in mount.cache.glob("**/*.facts") if "schema" in path.read_text()]
    before, checked = json.loads(facts.read_text()), os.stat(facts).st_mtime_ns
    expire(2)
    (folder(mount) / "responses.xlsx").read_bytes()
    assert os.stat(facts).st_mtime_ns > checked, "asked for"
    assert json.loads(facts.read_text())["mtime_s"] == before["mtime_s"]


@pytest.mark.parametrize("element", ["null", "7", "[]"])
def test_an_element_that_is_no_object_is_said_to_be_the_services(sandbox, mount, element):
    sandbox.fault("distributions", "body", body='{"result":{"elements":[{"id":"EMD_1"},%s],"nextPage":null},'
                                                '"meta":{"requestId":"r-1","httpStatus":"200 - OK"}}' % element)
    path = folder(mount) / "distributions.csv"
    with pytest.raises(OSError) as caught:
        path.read_bytes()
    assert caught.value.errno == errno.EIO
    answer = mount.run("why", path)
    assert "no object" in answer.stdout and "disk" not in answer.stdout, answer.stdout


NAMES = ("responses.xlsx", "responses.plain.csv", "responses.codes.xlsx", "responses.csv")
BASES = 3  # each file made here waits for one itself


def test_openers_of_files_made_here_share_them_and_give_up_alone(sandbox, mount, crowds, parked):
    paths = [folder(mount) / name for name in NAMES]
    sandbox.hold_jobs()
    leaving, staying = crowds(paths, 12), crowds(paths, 12)
    parked(mount, 24 + BASES)
    leaving.kill(signal.SIGTERM)
    assert leaving.answers() == []
    parked(mount, 12 + BASES)
    sandbox.release_jobs()
    told = staying.answers()
    assert len(told) == 12 and {answer[1] for answer in told} == {0}
    assert len({answer[:4] for answer in told}) == len(NAMES), "all have the same"
    assert sandbox.count("export_start") == 2, "codes, and labels"


def test_a_mount_ends_while_files_made_here_wait(sandbox, mount, crowds, parked):
    paths = [folder(mount) / name for name in NAMES]
    sandbox.hold_jobs()
    crowd = crowds(paths, 12)
    parked(mount, 12 + BASES)
    assert mount.stop() == 0
    assert 0 not in {answer[1] for answer in crowd.answers()}
