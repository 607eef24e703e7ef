"""What programs read is what the service sends, byte for byte, each from a cold cache.

A reader is a program, or a way of reading, that met a file of unknown size and did something else with it than
`cat`: it asks the size before, or never, maps the file, copies in the kernel, reads exactly as much as stat said.
Each has a mount of its own on which nothing was opened, and costs exactly one export.
"""

import csv
import gzip
import hashlib
import http.server
import io
import json
import mmap
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import threading
import types
import zipfile

import pytest

from common import SANITIZED, peak_of
from control import SLOW, Sandbox, recordings  # tests/sandbox/control.py

SURVEY = "SV_demoCustomers02"
SMALL = "SV_demoSmall000014"
EMPTY = "SV_demoEmpty000001"
PANEL = "SV_demoPanel100000"
RECORDED = recordings()
MIB = 1 << 20


def run(*command, **options):
    """A program that must succeed and complain of nothing."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, check=False, timeout=60 * SLOW, **options
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert done.stderr == b""
    return done.stdout


def the_csv(folder):
    """Whoever copies the survey's folder has it in now/ and filters/ as well."""
    return min(pathlib.Path(folder).rglob("responses.csv"), key=lambda path: len(path.parts)).read_bytes()


# --- readers: each gives back all bytes it got -------------------------------------------------------------------


def by_cat(path, out):
    return run("cat", path)


def by_cat_redirected(path, out):
    with open(path, "rb") as stdin:
        return run("cat", stdin=stdin)


def by_cp(path, out):
    run("cp", path, out)
    return the_csv(out)


def by_cp_a(path, out):
    run("cp", "-a", path, out)
    copy = out / "responses.csv"
    assert copy.stat().st_mode & 0o777 == 0o444
    assert int(copy.stat().st_mtime) == int(path.stat().st_mtime)
    return copy.read_bytes()


def by_cp_sparse(path, out):
    run("cp", "--sparse=always", path, out)
    return the_csv(out)


def by_cp_r_of_the_folder(path, out):
    run("cp", "-r", path.parent, out)
    return the_csv(out)


def by_install(path, out):
    run("install", "-m", "600", path, out / "copy")
    return (out / "copy").read_bytes()


def _unpacked(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = [item for item in archive if item.name.endswith("responses.csv")]
        member = min(found, key=lambda item: item.name.count("/"))
        return archive.extractfile(member).read()


def by_tar(path, out):
    return _unpacked(run("tar", "-c", "-C", path.parent, "responses.csv"))


def by_tar_of_the_folder(path, out):
    return _unpacked(run("tar", "-c", "-C", path.parent.parent, path.parent.name))


def by_rsync(path, out):
    run("rsync", "-a", path, f"{out}/")
    return the_csv(out)


def by_rsync_inplace(path, out):
    run("rsync", "-a", "--inplace", path, f"{out}/")
    return the_csv(out)


def by_rsync_of_the_folder(path, out):
    run("rsync", "-a", f"{path.parent}/", f"{out}/")
    return the_csv(out)


def by_dd(path, out):
    return run("dd", f"if={path}", "bs=64k", "status=none")


def by_dd_direct(path, out):
    return run("dd", f"if={path}", "bs=64k", "iflag=direct", "status=none")


def by_gzip(path, out):
    return gzip.decompress(run("gzip", "-c", path))


def by_split(path, out):
    run("split", "-b", "100k", path, out / "part-")
    return b"".join(part.read_bytes() for part in sorted(out.iterdir()))


def by_curl(path, out):
    return run("curl", "-s", f"file://{path}")


def by_gio_copy(path, out):
    run("gio", "copy", path, out / "copy")
    return (out / "copy").read_bytes()


def by_gio_cat(path, out):
    return run("gio", "cat", path)


def by_read(path, out):
    with open(path, "rb") as file:
        return file.read()


def by_read_of_the_size_before(path, out):
    size = os.stat(path).st_size
    with open(path, "rb") as file:
        return file.read(size)


def by_unbuffered_reads(path, out):
    got = b""
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(5000):
            got += piece
    return got


def by_mmap(path, out):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        return bytes(mapped)


def by_pread_from_the_end(path, out):
    fd = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        starts = range(0, size, 4096)
        return b"".join(reversed([os.pread(fd, 4096, at) for at in reversed(starts)]))
    finally:
        os.close(fd)


def by_shutil_copyfile(path, out):
    shutil.copyfile(path, out / "copy")
    return (out / "copy").read_bytes()


def by_shutil_copytree(path, out):
    shutil.copytree(path.parent, out / "copy")
    return the_csv(out)


def by_zipfile(path, out):
    with zipfile.ZipFile(out / "copy.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "copy.csv")
    with zipfile.ZipFile(out / "copy.zip") as archive:
        return archive.read("copy.csv")


def by_sendfile(path, out):
    src, dst = os.open(path, os.O_RDONLY), os.open(out / "copy", os.O_WRONLY | os.O_CREAT)
    try:
        while os.sendfile(dst, src, None, MIB):
            pass
    finally:
        os.close(src)
        os.close(dst)
    return (out / "copy").read_bytes()


def by_splice(path, out):
    src = os.open(path, os.O_RDONLY)
    ends = os.pipe()
    got = b""
    try:
        while n := os.splice(src, ends[1], 65536):
            while n:
                piece = os.read(ends[0], n)
                n -= len(piece)
                got += piece
        return got
    finally:
        for fd in (src, *ends):
            os.close(fd)


def by_open_nonblocking(path, out):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(fd, "rb") as file:
        return file.read()


# Those whose program this machine has.
READERS = [
    function
    for name, function in sorted(globals().items())
    if name.startswith("by_")
    and all(shutil.which(word) for word in ("rsync", "curl", "gio") if f"_{word}" in name)
]


@pytest.fixture(scope="module")
def service():
    """One account for all readers: they change nothing there. Each has a mount and a cache of its own."""
    with Sandbox.start(settings={"job_polls": 1}) as account:
        yield account
        account.check_limits()


@pytest.fixture
def cold(service, mounts):
    """A mount on which nothing was opened: its account, the path of a table, and the bytes to come."""
    mount = mounts(service)
    service.reset_stats()
    path = mount.path / "surveys" / SURVEY / "responses.csv"
    return types.SimpleNamespace(account=service, mount=mount, path=path, expected=service.entry(SURVEY))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_reader_gets_the_entry_from_a_cold_cache(reader, cold, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    got = reader(cold.path, out)
    assert hashlib.sha256(got).hexdigest() == cold.account.entry_sha256(SURVEY)["sha256"]
    assert got == cold.expected
    # Of a folder: five forms as the service makes them (now/ shares them), and five for each of two filters.
    assert cold.account.count("export_start") == (15 if "folder" in reader.__name__ or "tree" in reader.__name__ else 1)
    assert cold.path.stat().st_size == len(got)


def test_the_side_door_tells_what_the_service_sends(sandboxes):
    """The yardstick of this page: the entry as unzipped from a download by another client."""
    account = sandboxes(settings={"job_polls": 0})
    with zipfile.ZipFile(io.BytesIO(account.export(SURVEY))) as archive:
        (entry,) = archive.infolist()
        assert archive.read(entry) == account.entry(SURVEY)
    assert len(account.entry(SURVEY)) > 300_000


# --- programs that tell something about the bytes ----------------------------------------------------------------


def test_wc_c_tells_the_length(cold):
    assert run("wc", "-c", cold.path).split()[0] == str(len(cold.expected)).encode()


def test_wc_l_tells_the_lines(cold):
    assert run("wc", "-l", cold.path).split()[0] == str(cold.expected.count(b"\n")).encode()


def test_md5sum_tells_the_digest(cold):
    assert run("md5sum", cold.path).split()[0] == hashlib.md5(cold.expected).hexdigest().encode()


@pytest.mark.parametrize(
    "options, part",
    [
        (("head", "-n", "5"), lambda whole: b"".join(io.BytesIO(whole).readlines()[:5])),
        (("head", "-c", "100"), lambda whole: whole[:100]),
        (("tail", "-n", "3"), lambda whole: b"".join(io.BytesIO(whole).readlines()[-3:])),
        (("tail", "-c", "100"), lambda whole: whole[-100:]),
    ],
    ids=["head-n", "head-c", "tail-n", "tail-c"],
)
def test_head_and_tail_show_the_ends(options, part, cold):
    assert run(*options, cold.path) == part(cold.expected)


def test_cmp_finds_no_difference(cold, tmp_path):
    (tmp_path / "expected").write_bytes(cold.expected)
    run("cmp", cold.path, tmp_path / "expected")


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_git_hashes_the_whole(cold):
    header = f"blob {len(cold.expected)}\0".encode()
    assert run("git", "hash-object", "--no-filters", cold.path).strip().decode() == (
        hashlib.sha1(header + cold.expected).hexdigest()
    )


def rows_of(data):
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def test_csv_has_three_header_rows_and_a_row_for_each_response(cold):
    with open(cold.path, newline="", encoding="utf-8") as file:
        table = list(csv.reader(file, strict=True))
    assert table == rows_of(cold.expected)
    counts = cold.account.info()["surveys"][SURVEY]
    assert len(table) == 3 + counts["auditable"] + counts["generated"]
    assert {len(row) for row in table} == {len(table[0])}
    assert all("ImportId" in json.loads(cell) for cell in table[2])


@pytest.mark.parametrize("memory_map", [False, True])
def test_pandas_reads_the_table(memory_map, cold):
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(cold.path, skiprows=[1, 2], dtype=str, keep_default_na=False, memory_map=memory_map)
    table = rows_of(cold.expected)
    assert list(frame.columns) == table[0]
    assert frame.values.tolist() == table[3:]


if shutil.which("sqlite3"):

    def test_sqlite_imports_every_row(cold, tmp_path):
        base = tmp_path / "base.db"
        run("sqlite3", base, f".import --csv {cold.path} answers")
        got = json.loads(run("sqlite3", "-json", base, "select * from answers order by rowid"))
        assert [list(row.values()) for row in got] == rows_of(cold.expected)[1:]


# --- surveys of other sizes --------------------------------------------------------------------------------------


def test_a_survey_without_responses_is_three_header_rows(sandbox, mount):
    path = mount.path / "surveys" / EMPTY / "responses.csv"
    data = path.read_bytes()
    assert data == sandbox.entry(EMPTY)
    assert len(rows_of(data)) == 3
    assert path.stat().st_size == len(data)


def test_a_survey_of_100_000_responses_is_whole(sandboxes, mounts):
    account = sandboxes()
    mount = mounts(account)
    got = run("sha256sum", mount.path / "surveys" / PANEL / "responses.csv").split()[0].decode()
    told = account.entry_sha256(PANEL)
    assert got == told["sha256"]
    assert (mount.path / "surveys" / PANEL / "responses.csv").stat().st_size == told["size"] > 10 * MIB


def test_an_entry_over_1_gb_is_served_in_64_mb_of_memory(sandboxes, mounts):
    size = 1_100_000_000
    account = sandboxes()
    account.make_big(SMALL, size)
    mount = mounts(account)
    path = mount.path / "surveys" / SMALL / "responses.csv"
    try:
        digest = hashlib.sha256()
        with open(path, "rb", buffering=0) as file:
            block = bytearray(MIB)
            while n := file.readinto(block):
                digest.update(memoryview(block)[:n])
        peak = peak_of(mount.pid)
        told = account.entry_sha256(SMALL)
        assert told["size"] == size
        assert digest.hexdigest() == told["sha256"]
        assert path.stat().st_size == size
        assert SANITIZED or peak < 64 * MIB, f"the daemon took {peak / MIB:.0f} MiB"
    finally:
        mount.stop()
        shutil.rmtree(mount.cache)  # pytest keeps the folders of three runs


# --- documents ---------------------------------------------------------------------------------------------------

TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')


def squeezed(text):
    """JSON without the white space between its tokens; everything else as it is."""
    return TOKEN.sub(lambda found: found.group(1) or "", text)


def result_of(account, path):
    """The `result` member of a call as text: what stands between its name and the envelope's last member."""
    status, _, data = account.api("GET", f"/API/v3{path}")
    assert status == 200
    text = data.decode()
    decoder = json.JSONDecoder()
    at = re.search(r'"result"\s*:\s*', text).end()
    _, end = decoder.raw_decode(text, at)
    return text[at:end]


@pytest.mark.parametrize("survey", [SURVEY, EMPTY, "SV_demoStaff000200"])
def test_survey_json_is_the_result_member(survey, sandbox, mount):
    path = mount.path / "surveys" / survey / "survey.json"
    text = path.read_text()
    assert path.stat().st_size == len(text.encode())
    assert json.loads(text) == sandbox.result(f"/surveys/{survey}")
    assert squeezed(text) == squeezed(result_of(sandbox, f"/surveys/{survey}"))
    assert text.count("\n") > 10, "it is indented for people"


def test_whoami_json_is_the_result_member(sandbox, mount):
    text = (mount.path / "whoami.json").read_text()
    assert json.loads(text)["userId"] == "UR_sandboxOwner001"
    assert squeezed(text) == squeezed(result_of(sandbox, "/whoami"))


ODD = (
    '{"id":"' + SMALL + '","name":"Odd","long":123456789012345678901234567890,"small":1.10,"huge":1E400,"minus":-0.0,'
    '"tiny":5e-324,"twice":1,"twice":"two","slash":"\\/","escapes":"\\u00e9\\ud83c\\udf5c\\"\\\\\\t","half":"\\ud800",'
    '"letters":"é🍜\u2028","blank":" { } : , ","empty":{},"none":[],"deep":[[[[{"a":[null,true,false]}]]]],'
    '"responseCounts":{"auditable":14,"generated":0,"deleted":0}}'
)


@pytest.mark.parametrize(
    "envelope",
    [
        '{"result":%s,"meta":{"requestId":"r-1","httpStatus":"200 - OK"}}',
        '\n{ "meta" : { "requestId" : "r-1" , "result" : { "not" : "this" } , "httpStatus" : "200 - OK" } ,\n'
        ' "result" :\t%s }\n',
    ],
    ids=["result-first", "result-last"],
)
def test_every_number_and_string_of_a_document_stays_as_it_came(envelope, sandbox, mount):
    sandbox.fault("survey", "body", body=envelope % ODD)
    data = (mount.path / "surveys" / SMALL / "survey.json").read_bytes()
    assert squeezed(data.decode()) == ODD


def test_a_document_is_whole_at_any_size(sandbox, mount):
    """Larger than any buffer on its way: 9 MB in one string and in many members."""
    members = ",".join(f'"k{i}":{i}' for i in range(200_000))
    odd = '{"id":"%s","text":"%s",%s}' % (SMALL, "é" * 3_000_000, members)
    sandbox.fault("survey", "body", body='{"result":%s,"meta":{"requestId":"r-1","httpStatus":"200 - OK"}}' % odd)
    data = (mount.path / "surveys" / SMALL / "survey.json").read_bytes()
    assert json.loads(data) == json.loads(odd)
    assert len(data) == (mount.path / "surveys" / SMALL / "survey.json").stat().st_size


# --- what was recorded from the real service ---------------------------------------------------------------------


class Cassette:
    """An account that answers with recorded bytes: one survey, one export, its archive as it came."""

    def __init__(self, survey, zipped, document, exchanges):
        self.survey, self.zipped, self.document = survey, zipped, document
        self.polls = [text for method, text in exchanges if method == "GET"]
        (self.started,) = [text for method, text in exchanges if method == "POST"]
        self.job = json.loads(self.started)["result"]["progressId"]
        self.file = json.loads(self.polls[-1])["result"]["fileId"]
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.answer("GET")

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer("POST")

            def answer(self, method):
                kind, body = outer.answer(method, self.path.split("?")[0])
                self.send_response(200 if body else 404)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.token = "recordedTokenrecordedTokenrecordedToken1"

    def answer(self, method, path):
        exports = f"/API/v3/surveys/{self.survey}/export-responses"
        path = path.rstrip("/")
        self.asked.append((method, path))
        if path == f"{exports}/{self.file}/file":
            return "application/zip", self.zipped
        if path == f"{exports}/{self.job}":
            return "application/json", (self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]).encode()
        text = {
            ("GET", "/API/v3/whoami"): '{"result":{"brandId":"conjoint","userId":"UR_8wfG5qsMxuh0Jrn"},"meta":{}}',
            ("GET", "/API/v3/surveys"): '{"result":{"elements":[{"id":"%s","name":"Recorded"}],"nextPage":null},'
            '"meta":{}}' % self.survey,
            ("GET", f"/API/v3/surveys/{self.survey}"): self.document,
            ("POST", exports): self.started,
        }.get((method, path), "")
        return "application/json", text.encode()


@pytest.fixture
def cassette(request):
    name = request.param
    told = json.loads((RECORDED / f"{name}.json").read_text())["interactions"]
    ours = [item for item in told if "/export-responses" in item["request"]["uri"]]
    survey = re.search(r"/surveys/(SV_\w+)/", ours[0]["request"]["uri"]).group(1)
    (file,) = [item["response"]["body_file"] for item in ours if "body_file" in item["response"]]
    document = [item["response"]["body"] for item in told if item["request"]["uri"].rstrip("/").endswith(survey)]
    made = Cassette(
        survey,
        (RECORDED / file).read_bytes(),
        document[0],
        [(item["request"]["method"], item["response"]["body"]) for item in ours if "body" in item["response"]],
    )
    made.csv = (RECORDED / file).with_suffix(".csv").read_bytes()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.skipif(RECORDED is None, reason="no recordings (set QXFS_RECORDED)")
@pytest.mark.parametrize("cassette", ["fetch_survey_2025", "fetch_one_qid_2025"], indirect=True)
def test_a_recorded_export_is_served_byte_for_byte(cassette, mounts):
    mount = mounts(cassette)
    folder = mount.path / "surveys" / cassette.survey
    data = (folder / "responses.csv").read_bytes()
    assert data == cassette.csv
    with zipfile.ZipFile(io.BytesIO(cassette.zipped)) as archive:
        assert data == archive.read(archive.namelist()[0])
    assert cassette.asked.count(("POST", f"/API/v3/surveys/{cassette.survey}/export-responses")) == 1
    assert json.loads((folder / "survey.json").read_text()) == json.loads(cassette.document)["result"]


@pytest.mark.skipif(RECORDED is None, reason="no recordings (set QXFS_RECORDED)")
def test_the_recorded_account_is_served_like_any_other(sandboxes, mounts):
    account = sandboxes(account="recorded", recorded=RECORDED)
    mount = mounts(account)
    for survey, told in account.info()["surveys"].items():
        data = (mount.path / "surveys" / survey / "responses.csv").read_bytes()
        assert data == account.entry(survey), survey
        assert len(rows_of(data)) == 3 + told["auditable"] + told["generated"]
