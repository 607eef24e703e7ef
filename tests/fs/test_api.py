"""Any GET of the API behind -o api: .qxfs/api/PATH.json, for the owner of the mount, kept nowhere (DESIGN.md 2 and 3)."""

import contextlib
import errno
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tarfile
import tempfile
import threading

import pytest

from common import QXFS, SANITIZED, error_of, peak_of, read_all
from control import SLOW

AS_ROOT = os.geteuid() == 0
SMALL = "SV_demoSmall000014"
STAFF = "SV_demoStaff000200"
MAIN = "POOL_demoMain0000001"
REMARK = "a remark that nobody else writes"
MILLION = 1 << 20
UNOPENED = 2_000_000_000


@pytest.fixture
def mount(sandbox, mounts, crowds):  # in this order: the crowd ends first
    made = mounts(sandbox, "api")
    sandbox.reset_stats()
    return made


def api(mount, path):
    return mount.path / ".qxfs" / "api" / f"{path}.json"


def load(path):
    return json.loads(read_all(path))


def asked(sandbox):
    """method path?query of every call since the last reset_stats."""
    return [f"{call['method']} {call['path']}" + (f"?{call['query']}" if call["query"] else "")
            for call in sandbox.requests()]


def answers_with(sandbox, endpoint, result, **rule):
    sandbox.fault(endpoint, "body", body={"result": result, "meta": {"httpStatus": "200 - OK"}}, **rule)


# --- what is there --------------------------------------------------------------------------------------------------


def test_without_the_option_there_is_no_such_folder(sandbox, mounts):
    mount = mounts(sandbox)
    sandbox.reset_stats()
    assert os.listdir(mount.path / ".qxfs") == ["status.json", "limits.json", "jobs", "errors", "events"]
    assert error_of(os.stat, mount.path / ".qxfs" / "api") == errno.ENOENT
    assert error_of(read_all, api(mount, "whoami")) == errno.ENOENT
    assert "-o api" in mount.run("why", api(mount, "whoami")).stdout
    assert sandbox.count() == 0


def test_a_path_gives_the_result_of_its_get(sandbox, mount):
    text = read_all(api(mount, "whoami")).decode()
    assert json.loads(text)["userId"] == "UR_sandboxOwner001"
    assert text.startswith('{\n  "brandId"') and text.endswith("}\n")
    assert asked(sandbox) == ["GET /API/v3/whoami"]


def test_what_the_tree_lacks_is_found(sandbox, mount):
    path = api(mount, f"survey-definitions/{SMALL}/questions/QID1")
    assert load(path)["QuestionID"] == "QID1"
    assert asked(sandbox) == [f"GET /API/v3/survey-definitions/{SMALL}/questions/QID1"]


def test_a_list_is_all_its_pages(sandbox, mount):
    people = load(api(mount, f"directories/{MAIN}/contacts"))
    assert len({person["contactId"] for person in people}) == len(people) == 5000
    assert sandbox.count("contacts") == sandbox.count() == 50
    kept = mount.path / "directories" / MAIN / "contacts.json"
    assert people == load(kept)


@pytest.mark.parametrize("settings", [{"short_pages": True}, {"empty_pages": True}, {"page_size": 1}, {"page_size": 6}])
def test_pages_of_any_length_are_joined(settings, sandboxes, mounts):
    box = sandboxes(settings=settings)
    mount = mounts(box, "api")
    text = read_all(api(mount, "surveys")).decode()
    assert len({survey["id"] for survey in json.loads(text)}) == 6
    assert text.startswith("[\n  {\n") and text.endswith("\n  }\n]\n") and "\n  },\n  {\n" in text


def test_an_empty_list_is_an_empty_array(sandbox, mount):
    assert read_all(api(mount, f"surveys/{SMALL}/quotas")) == b"[]\n"


def test_empty_pages_before_the_first_element_leave_no_comma(sandbox, mount):
    page = f"{sandbox.url}/API/v3/surveys?offset="
    answers_with(sandbox, "surveys", {"elements": [], "nextPage": page + "1"}, nth=1)
    answers_with(sandbox, "surveys", {"elements": [], "nextPage": page + "2"}, nth=2)
    answers_with(sandbox, "surveys", {"elements": [1], "nextPage": page + "3"}, nth=3)
    answers_with(sandbox, "surveys", {"elements": [], "nextPage": None}, nth=4)
    assert read_all(api(mount, "surveys")) == b"[\n  1\n]\n"


def test_numbers_and_texts_come_out_as_they_came_in(sandbox, mount):
    odd = '{"a":1.50,"big":123456789012345678901234567890,"e":1E+2,"a":2,"s":"\\u00e4\\/"}'
    sandbox.fault("surveys", "body", body='{"result":{"elements":[%s],"nextPage":null},"meta":{}}' % odd)
    sandbox.fault("whoami", "body", body='{"meta":{},"result":%s}' % odd)
    for path in ("surveys", "whoami"):
        assert re.sub(r"[\n \[\]]", "", read_all(api(mount, path)).decode()) == odd


def test_a_query_stands_behind_the_path(sandbox, mount):
    assert load(api(mount, f"survey-definitions/{SMALL}?format=qsf"))["SurveyEntry"]["SurveyID"] == SMALL
    assert len(load(api(mount, "surveys?offset=2"))) == 4
    assert asked(sandbox) == [f"GET /API/v3/survey-definitions/{SMALL}?format=qsf", "GET /API/v3/surveys?offset=2"]


def test_a_query_is_encoded_here(sandbox, mount):
    with open(api(mount, "surveys?note=a b#c+é%2F%26&d=2026-01-15T08:00:00Z"), "rb"):
        pass
    assert asked(sandbox) == ["GET /API/v3/surveys?note=a%20b%23c%2B%C3%A9%2F%26&d=2026-01-15T08%3A00%3A00Z"]


def test_folders_of_any_name_are_there_and_list_nothing(sandbox, mount):
    folder = mount.path / ".qxfs" / "api"
    for path in (folder, folder / "surveys", folder / "surveys" / SMALL / "a" / "b" / "c"):
        assert os.listdir(path) == []
        assert stat.S_ISDIR(os.stat(path).st_mode)
        assert os.stat(path / "..").st_ino == os.stat(path.parent).st_ino
    assert "api" in os.listdir(mount.path / ".qxfs")
    subprocess.run(["ls", "-laR", folder], check=True, capture_output=True)
    os.stat(api(mount, f"surveys/{SMALL}"))
    assert sandbox.count() == 0


def test_no_other_verb_ever_goes_out(sandbox, mount):
    path = api(mount, f"surveys/{SMALL}")
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
        assert error_of(os.open, path, flags) in (errno.EROFS, errno.EACCES)
    assert error_of(os.open, api(mount, "surveys/SV_new"), os.O_CREAT | os.O_WRONLY) in (errno.EROFS, errno.EACCES, errno.EPERM)
    for act in (os.unlink, os.rmdir, lambda p: os.rename(p, p.with_name("other.json")), lambda p: os.utime(p), os.mkdir,
                lambda p: os.truncate(p, 0), lambda p: os.chmod(p, 0o777)):
        assert error_of(act, path) in (errno.EPERM, errno.EROFS, errno.EACCES, errno.EEXIST, errno.ENOTDIR)
    assert sandbox.count() == 0
    read_all(path)
    assert {call["method"] for call in sandbox.requests()} == {"GET"}


# --- each open is its own -------------------------------------------------------------------------------------------


def test_each_open_asks_anew(sandbox, mount):
    path = api(mount, "surveys")
    assert len(load(path)) == 6
    sandbox.add_survey("One more")
    assert len(load(path)) == 7
    assert sandbox.count("surveys") == 2


def test_a_handle_reads_what_its_own_open_has_got(sandbox, mount):
    path = api(mount, "surveys")
    with open(path, "rb", buffering=0) as before:
        sandbox.add_survey("One more")
        with open(path, "rb", buffering=0) as after:
            assert len(json.loads(after.read())) == 7
        assert len(json.loads(before.read())) == 6
        with open(f"/proc/self/fd/{before.fileno()}", "rb") as again:  # the same node once more
            assert len(json.load(again)) == 7
        before.seek(0)
        assert len(json.loads(before.read())) == 6
    assert sandbox.count("surveys") == 3


@pytest.mark.concurrency
def test_openers_at_the_same_time_ask_each_for_itself(sandbox, mount, crowds, parked):
    sandbox.hold("whoami")
    crowd = crowds([api(mount, "whoami")], 5)
    parked(mount, 5)
    assert sandbox.wait_held("whoami", 5)
    sandbox.release()
    answers = crowd.answers()
    assert [answer[1] for answer in answers] == [0] * 5 and len({answer[3] for answer in answers}) == 1
    assert sandbox.count("whoami") == 5


def test_sizes_are_no_less_than_there_is_and_true_when_open(mount):
    path = api(mount, "whoami")
    before = os.stat(path)
    assert (before.st_size, before.st_blocks) == (UNOPENED, 0)
    with open(path, "rb") as file:
        st = os.fstat(file.fileno())
        text = file.read()
        assert st.st_size == len(text) > 100 and st.st_blocks > 0
        assert file.seek(0, os.SEEK_END) == len(text)
        assert os.fstat(file.fileno()).st_mtime == st.st_mtime
    after = os.stat(path)
    assert (after.st_size, after.st_blocks, after.st_ino) == (UNOPENED, 0, before.st_ino)


def test_every_program_gets_the_whole_of_it(sandbox, mount, tmp_path):
    sandbox.settings(page_size=2)
    path = api(mount, "surveys")
    good = read_all(path)
    copies = {
        "cp": ["cp", path, "cp.json"], "cp --sparse": ["cp", "--sparse=always", path, "cp --sparse.json"],
        "cat": ["sh", "-c", f"cat '{path}' > cat.json"], "dd": ["dd", f"if={path}", "of=dd.json", "bs=37"],
        "rsync": ["rsync", path, "rsync.json"], "install": ["install", path, "install.json"],
        "head": ["sh", "-c", f"head -c 1000000 '{path}' > head.json"],
        "tail": ["sh", "-c", f"tail -c 1000000 '{path}' > tail.json"],
        "tar": ["tar", "cf", "tar.tar", "-C", path.parent, path.name],
    }
    for name, command in copies.items():
        if not shutil.which(command[0]):
            continue
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60 * SLOW)
        assert done.returncode == 0, (name, done.stderr)
        if name != "tar":
            assert (tmp_path / f"{name}.json").read_bytes() == good, name
    with tarfile.open(tmp_path / "tar.tar") as archive:
        assert archive.extractfile(path.name).read() == good
    with open(path, "rb") as file:
        assert os.pread(file.fileno(), 10, 5) == good[5:15]
        assert os.pread(file.fileno(), 10, len(good)) == b""


# --- nothing else is ever asked for -----------------------------------------------------------------------------------

REFUSED = ["users/UR_1/apitoken", "users/UR_1/apitokens", "oauth2/token", "oauth2/auth", "oauth/token", "mtls/x",
           "certificates/x", "client-certificates/x", "logs", "logs/activitytypes", "op-erase-personal-data",
           "op-erase-personal-data/1", "customer-data-requests/1", "customer-data-requests/1/files/2",
           f"surveys/{SMALL}/delete-responses/1"]


@pytest.mark.parametrize("path", [*REFUSED, "Users/UR_1/ApiToken", "LOGS", "users/UR_1/apitoken?a=b",
                                  "users/UR_1/apitoken/x", "logs?activityType=x"])
def test_what_hands_out_secrets_or_erases_is_refused(path, sandbox, mount):
    file = api(mount, path)
    assert error_of(read_all, file) == errno.EPERM
    assert sandbox.count() == 0
    said = mount.run("why", file).stdout
    assert "is never asked for" in said and "EPERM" in said
    (line,) = read_all(mount.path / ".qxfs" / "errors").decode().splitlines()
    assert f"\t.qxfs/api/{path}.json\tEPERM\t" in line and "is never asked for" in line


def test_why_tells_of_a_refusal_before_it_is_tried(sandbox, mount):
    assert "It is refused: apitoken is never asked for" in mount.run("why", api(mount, "users/UR_1/apitoken")).stdout
    assert "Each open asks" in mount.run("why", api(mount, "users/UR_1")).stdout
    assert sandbox.count() == 0


@pytest.mark.parametrize("name", ["..%2f..%2foauth2/token", "surveys%2f..%2fwhoami", "%2e%2e/whoami", "surveys/%2e%2e/whoami",
                                  ".../whoami", ".hidden/x", "users/UR_1/%61pitoken", "users/UR_1/apitoken%00", "surveys;x=1",
                                  "surveys/a b", "surveys/é", "surveys\\x", "http:", "surveys?a", "surveys/\x01", "a@evil.invalid",
                                  "surveys?=b", "surveys?a=%4", "surveys?a&&b", "surveys?a=\n", "x#y", "."])
def test_names_that_are_no_path_are_refused_without_asking(name, sandbox, mount):
    file = api(mount, name)
    if name == "surveys?a":  # this one is a query without a value
        assert len(load(file)) == 6
        return
    assert error_of(os.stat, file) == errno.ENOENT
    assert error_of(read_all, file) == errno.ENOENT
    assert sandbox.count() == 0
    if "\n" not in name:
        assert "There is no such file" in mount.run("why", file).stdout


def test_dots_of_the_kernel_s_own_stay_inside(sandbox, mount):
    path = mount.path / ".qxfs" / "api" / "surveys" / ".." / ".." / "jobs"
    assert read_all(path) == b""
    assert read_all(f"{mount.path}/.qxfs/api//surveys/./{SMALL}/../../whoami.json").startswith(b"{")
    assert asked(sandbox) == ["GET /API/v3/whoami"]


@pytest.mark.parametrize("page, words", [
    ("https://evil.invalid/API/v3/surveys?offset=100", "evil.invalid"),
    ("http://127.0.0.1:1/API/v3/surveys?offset=100", "127.0.0.1"),
    ("{url}/API/v3/users/UR_1/apitoken", "never asked for"),
    ("{url}/API/v3/users/UR_1%2fAPITOKEN?x=1", "never asked for"),
    ("{url}/oauth2/token", "/API/v3/"),
    ("{url}/API/v3/x/%2e%2e/%2e%2e/%2e%2e/oauth2/token", "/API/v3/"),
    ("file:///etc/passwd", "next page"),
    (7, "no address"), ({}, "no address"), ("x" * 20000, "no address"),
])
def test_a_next_page_leads_nowhere_else(page, words, sandbox, mount):
    given = page.format(url=sandbox.url) if isinstance(page, str) else page
    answers_with(sandbox, "surveys", {"elements": [1], "nextPage": given})
    path = api(mount, "surveys")
    assert error_of(read_all, path) in (errno.EIO, errno.EPERM)
    assert words in mount.run("why", path).stdout
    assert asked(sandbox) == ["GET /API/v3/surveys"]


def test_pages_in_a_circle_end(sandbox, mount):
    answers_with(sandbox, "surveys", {"elements": [1], "nextPage": f"{sandbox.url}/API/v3/surveys?offset=1"})
    path = api(mount, "surveys")
    assert error_of(read_all, path) == errno.EIO
    assert "circle" in mount.run("why", path).stdout
    assert sandbox.count() == 2


# --- for the owner only -----------------------------------------------------------------------------------------------


def test_modes_let_nobody_else_in(mount):
    assert stat.S_IMODE(os.stat(mount.path / ".qxfs" / "api").st_mode) == 0o500
    assert stat.S_IMODE(os.stat(mount.path / ".qxfs" / "api" / "surveys").st_mode) == 0o500
    assert stat.S_IMODE(os.stat(api(mount, "surveys")).st_mode) == 0o400


@pytest.mark.skipif(not AS_ROOT or not shutil.which("setpriv"), reason="needs root and setpriv")
@pytest.mark.parametrize("options", ["umask=000", "umask=000,uid=65534,gid=65534"])
def test_other_users_are_kept_out(options, sandbox, mounts, until):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="qxfs-user-"))
    folder.chmod(0o755)

    def other(*command):
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *map(str, command)],
                              capture_output=True, text=True, timeout=60 * SLOW)

    try:
        mount = mounts(sandbox, f"api,allow_other,{options}", folder=folder)
        sandbox.reset_stats()
        assert other("cat", mount.path / "README.txt").returncode == 0
        for command in (["cat", api(mount, "whoami")], ["ls", mount.path / ".qxfs"], ["ls", mount.path / ".qxfs" / "api"],
                        ["cat", mount.path / ".qxfs" / "status.json"]):
            done = other(*command)
            assert done.returncode != 0 and "Permission denied" in done.stderr and not done.stdout, command
        assert sandbox.count() == 0
        # An open folder handed on is no way in either: the daemon looks at who opens.
        fd = os.open(mount.path / ".qxfs" / "api", os.O_RDONLY | os.O_DIRECTORY)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", f"/dev/fd/{fd}/whoami.json"],
                              capture_output=True, text=True, pass_fds=[fd])
        os.close(fd)
        assert done.returncode != 0 and not done.stdout
        assert sandbox.count() == 0
        # What is asked for there is told there only.
        assert error_of(read_all, api(mount, "surveys/SV_secret")) == errno.ENOENT
        until(lambda: b"SV_secret" in read_all(mount.path / ".qxfs" / "errors"), what="the failure's line")
        assert "SV_secret" not in other("cat", mount.path / "STATUS.txt").stdout
    finally:
        mount.stop()
        shutil.rmtree(folder)


# --- kept nowhere -------------------------------------------------------------------------------------------------------


def holds(mount, text):
    """Files of the mount's own that hold it."""
    return [path for folder in (mount.cache, mount.state) for path in folder.rglob("*")
            if path.is_file() and text in path.read_bytes()]


def count_files(mount):
    """But for those of SQLite, which come and go with the mount."""
    return sum(path.is_file() for folder in (mount.cache, mount.state) for path in folder.rglob("*")
               if not path.match("journal.db-*") and path.parent.name != "mounts")


def test_nothing_of_it_stays_on_the_disk(sandbox, mount):
    files = count_files(mount)
    rows = [{"remark": f"{REMARK} {i}", "pad": "x" * 1000} for i in range(4000)]
    answers_with(sandbox, "surveys", {"elements": rows, "nextPage": None})
    answers_with(sandbox, "whoami", {"remark": REMARK})
    for path in ("surveys", "whoami", f"surveys?note={REMARK}"):
        with open(api(mount, path), "rb") as file:
            assert REMARK.encode() in file.read()
            assert holds(mount, REMARK.encode()) == []
            assert count_files(mount) == files
    mount.stop()
    assert count_files(mount) == files and holds(mount, REMARK.encode()) == []
    assert REMARK not in mount.text_of_log()


def test_after_a_crash_nothing_of_it_is_found(sandbox, mount):
    answers_with(sandbox, "surveys", {"elements": [REMARK + "x" * 1000] * 4000, "nextPage": None})
    with open(api(mount, "surveys"), "rb") as file:
        assert REMARK.encode() in file.read(5000)
        mount.kill()
    assert holds(mount, REMARK.encode()) == []


def open_files(mount):
    """What its descriptors lead to; one may be closed meanwhile."""
    links = []
    for descriptor in pathlib.Path(f"/proc/{mount.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(descriptor))
    return links


def test_small_ones_touch_no_disk(sandbox, mount):
    with open(api(mount, "whoami"), "rb") as file:
        file.read()
        links = open_files(mount)
        assert [link for link in links if link.startswith("/memfd:")]
        assert not [link for link in links if "deleted" in link and not link.startswith("/memfd:")]


@pytest.mark.concurrency
def test_large_ones_are_whole_and_in_a_file_that_only_they_know(sandbox, mount):
    rows = [{"i": i, "pad": chr(97 + i % 26) * 1000} for i in range(5000)]
    answers_with(sandbox, "surveys", {"elements": rows, "nextPage": f"{sandbox.url}/API/v3/surveys?offset=1"}, nth=1)
    answers_with(sandbox, "surveys", {"elements": rows, "nextPage": None}, nth=2)
    answers_with(sandbox, "whoami", {"rows": rows})
    with open(api(mount, "surveys"), "rb") as file:
        links = open_files(mount)
        assert [link for link in links if link.startswith(str(mount.cache)) and link.endswith(" (deleted)")]
        assert json.load(file) == rows + rows
    assert load(api(mount, "whoami")) == {"rows": rows}


def test_deep_indentation_overflows_memory_into_the_file(sandbox, mount):
    """Small as it comes, large as it is served."""
    deep = "[" * 300 + "1" + "]" * 300
    body = '{"result":{"rows":[%s]},"meta":{}}' % ",".join([deep] * 60)
    assert len(body) < MILLION // 8
    sandbox.fault("whoami", "body", body=body)
    text = read_all(api(mount, "whoami"))
    assert len(text) > 5 * MILLION
    assert '{"result":%s,"meta":{}}' % text.translate(None, b"\n ").decode() == body


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory grows")
def test_memory_does_not_grow_with_the_pages(sandboxes, mounts):
    box = sandboxes(extra=("--contacts", "200000"), settings={"page_size": 1000})
    mount = mounts(box, "api")
    before = peak_of(mount.pid)
    size = 0
    with open(api(mount, f"directories/{MAIN}/contacts"), "rb") as file:
        while piece := file.read(MILLION):
            size += len(piece)
    assert size > 40 * MILLION
    assert peak_of(mount.pid) - before < 16 * MILLION


def test_too_many_in_memory_go_to_the_disk(sandbox, mount):
    files = [open(api(mount, "whoami"), "rb") for _ in range(40)]
    good = read_all(mount.path / "whoami.json")
    assert all(file.read() == good for file in files)
    links = open_files(mount)
    assert len([link for link in links if link.startswith("/memfd:")]) <= 32
    for file in files:
        file.close()
    with open(api(mount, "whoami"), "rb") as file:
        assert file.read() == good


# --- failures and waits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status, error", [(400, errno.EINVAL), (403, errno.EACCES), (404, errno.ENOENT), (413, errno.EFBIG),
                                           (401, errno.EACCES)])
def test_refusals_have_their_errno_and_their_reason(status, error, sandbox, mount):
    sandbox.fault("surveys", "status", status=status, message="Because of it.")
    path = api(mount, "surveys")
    assert error_of(read_all, path) == error
    said = mount.run("why", path).stdout
    assert f"HTTP {status}" in said and "Because of it." in said
    assert f".qxfs/api/surveys.json\t{errno.errorcode[error]}\tHTTP {status}" in read_all(mount.path / ".qxfs" / "errors").decode()


def test_an_unknown_path_is_enoent_and_says_so(sandbox, mount):
    path = api(mount, "no/such/path")
    assert error_of(read_all, path) == errno.ENOENT
    assert "does not know this path of the API" in mount.run("why", path).stdout
    assert asked(sandbox) == ["GET /API/v3/no/such/path"]


def test_passing_failures_are_asked_again(sandbox, mount):
    sandbox.fault("whoami", "status", nth=1, status=500)
    sandbox.fault("whoami", "status", nth=2, status=429, retry_after=1)
    sandbox.fault("whoami", "broken_json", nth=3)
    assert load(api(mount, "whoami"))["userId"] == "UR_sandboxOwner001"
    assert sandbox.count() == 4


@pytest.mark.parametrize("fault, given", [("broken_json", {}), ("html", {}), ("body", {"body": "PK\x03\x04"}), ("empty_body", {}),
                                          ("body", {"body": {"meta": {}}}), ("body", {"body": [1]}),
                                          ("body", {"body": '{"result":{},"result":{}}'})])
def test_what_is_no_answer_is_eio(fault, given, sandbox, mount):
    sandbox.fault("surveys", fault, **given)
    path = api(mount, "surveys")
    assert error_of(read_all, path) == errno.EIO
    assert "EIO" in mount.run("why", path).stdout


def test_a_page_that_fails_fails_the_list(sandbox, mount):
    sandbox.settings(page_size=2)
    sandbox.fault("surveys", "status", nth=3, status=403)
    assert error_of(read_all, api(mount, "surveys")) == errno.EACCES
    sandbox.clear_faults()
    answers_with(sandbox, "surveys", {"rows": []}, nth=2)
    assert error_of(read_all, api(mount, "surveys")) == errno.EIO
    assert "have no elements" in mount.run("why", api(mount, "surveys")).stdout
    sandbox.clear_faults()
    sandbox.fault("surveys", "broken_json", nth=2)
    assert len(load(api(mount, "surveys"))) == 6  # that page once more


def test_max_export_bounds_it(sandbox, mounts):
    mount = mounts(sandbox, "api,max_export=3M")
    rows = ["x" * 1000] * 1000
    answers_with(sandbox, "surveys", {"elements": rows, "nextPage": None}, nth=1)
    assert load(api(mount, "surveys")) == rows
    for nth in range(1, 5):
        answers_with(sandbox, "surveys", {"elements": rows, "nextPage": f"{sandbox.url}/API/v3/surveys?offset={nth}"}, nth=nth)
    answers_with(sandbox, "whoami", {"rows": rows * 4})
    for path in (api(mount, "surveys"), api(mount, "whoami")):
        assert error_of(read_all, path) == errno.EFBIG
        assert "larger" in mount.run("why", path).stdout
    # Also what would be thrown away: the answer is not even taken in.
    sandbox.fault("languages", "body", body={"meta": {"x": "x" * 4 * MILLION}, "result": {}})
    assert error_of(read_all, api(mount, f"surveys/{SMALL}/languages")) == errno.EFBIG


@pytest.mark.concurrency
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_wait_that_is_given_up_gives_up_the_request(number, sandbox, mount, until, parked):
    sandbox.hold("whoami")
    reader = subprocess.Popen(["cat", api(mount, "whoami")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    parked(mount, 1)
    assert sandbox.wait_held("whoami")
    reader.send_signal(number)
    reader.communicate(timeout=5 * SLOW)
    assert reader.returncode == -number
    until(lambda: mount.status()["limits"]["requests"] == 0, what="the end of the request")
    until(lambda: mount.status()["jobs"] == [], what="the end of the job")
    assert mount.status()["failures"] == []
    sandbox.release()
    assert load(api(mount, "whoami"))


def test_a_list_that_is_given_up_asks_for_no_more_pages(sandbox, mount, until, parked):
    sandbox.settings(page_size=1)
    sandbox.hold("surveys", start=3)
    reader = subprocess.Popen(["cat", api(mount, "surveys")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert sandbox.wait_held("surveys")
    reader.kill()
    reader.communicate(timeout=5 * SLOW)
    until(lambda: mount.status()["jobs"] == [], what="the end of the job")
    sandbox.release()
    assert sandbox.wait_idle()
    assert sandbox.count("surveys") == 3


def test_open_wait_bounds_the_wait_and_the_request(sandbox, mounts, until):
    mount = mounts(sandbox, "api,open_wait=1")
    sandbox.hold("whoami")
    assert error_of(read_all, api(mount, "whoami")) == errno.ETIMEDOUT
    until(lambda: mount.status()["jobs"] == [], what="the end of the job")
    sandbox.release()
    assert load(api(mount, "whoami"))


def test_nothing_waits_but_the_open(sandbox, mount, parked):
    sandbox.hold("whoami")
    told = []
    reader = threading.Thread(target=lambda: told.append(load(api(mount, "whoami"))))
    reader.start()
    parked(mount, 1)
    os.stat(api(mount, "whoami"))
    os.listdir(mount.path / ".qxfs" / "api")
    assert load(api(mount, f"survey-definitions/{SMALL}/questions/QID1"))
    assert ".qxfs/api/whoami.json\tdownloading" in read_all(mount.path / ".qxfs" / "jobs").decode()
    assert "whoami" not in (mount.path / "STATUS.txt").read_text()
    sandbox.release()
    reader.join(30 * SLOW)
    assert told and told[0]["userId"] == "UR_sandboxOwner001"


@pytest.mark.concurrency
def test_the_end_of_the_mount_answers_who_waits(sandbox, mount, crowds, parked):
    sandbox.hold("*", match="whoami")
    crowd = crowds([api(mount, "whoami")], 10)
    parked(mount, 10)
    assert mount.stop() == 0
    assert {answer[1] for answer in crowd.answers()} <= {errno.EINTR, errno.ECONNABORTED}


def test_without_network_there_is_nothing_to_serve(sandbox, mount):
    assert load(api(mount, "whoami"))
    sandbox.call("pause", mode="refuse")
    assert error_of(read_all, api(mount, "whoami")) in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT)
    sandbox.call("resume")
    assert load(api(mount, "whoami"))


def test_calls_count_among_those_of_their_endpoint(sandboxes, mounts):
    """60 schemas a minute, by whatever name they are asked for: with share=0.1 six at once, then one in ten seconds."""
    box = sandboxes()
    mount = mounts(box, "api,share=0.1,open_wait=3")
    box.reset_stats()
    for _ in range(5):
        load(api(mount, f"surveys/{SMALL}/response-schema"))
    load(mount.path / "surveys" / STAFF / "schema.json")
    assert error_of(read_all, mount.path / "surveys" / SMALL / "schema.json") == errno.ETIMEDOUT
    assert error_of(read_all, api(mount, f"surveys/{STAFF}/response-schema")) == errno.ETIMEDOUT
    assert load(api(mount, f"surveys/{SMALL}/languages")), "what counts elsewhere does not wait"
    assert box.count("schema") == 6


@pytest.mark.parametrize("path, calls", [("eventsubscriptions", 6), ("organizations/current", 1)])
def test_unknown_paths_are_asked_for_slowly(path, calls, sandboxes, mounts):
    box = sandboxes()
    mount = mounts(box, "api,share=0.1,open_wait=2")
    box.reset_stats()
    for _ in range(calls):
        assert error_of(read_all, api(mount, path)) == errno.ENOENT
    assert error_of(read_all, api(mount, path)) == errno.ETIMEDOUT
    assert box.count() == calls


def test_the_log_names_paths_and_no_queries(sandbox, mount):
    assert load(api(mount, "surveys?name=Ada Lovelace")) is not None
    sandbox.fault("surveys", "status", status=400, message="There is no Ada Lovelace.")
    assert error_of(read_all, api(mount, "surveys?name=Ada Lovelace")) == errno.EINVAL
    assert "Ada Lovelace" in mount.run("why", api(mount, "surveys?name=Ada Lovelace")).stdout
    log = mount.text_of_log()
    assert ".qxfs/api/surveys" in log and "Lovelace" not in log


def test_the_option_is_in_the_help_and_the_rows_in_the_tree():
    help_text = subprocess.run([QXFS, "--help"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^  api +offer any GET", help_text, re.M)
    rows = subprocess.run([QXFS, "--print-tree"], capture_output=True, text=True, check=True).stdout
    assert "/.qxfs/api/{path}.json" in rows
