"""What other people's programs see of a survey's file that nobody opened before: all of it, for one export.

tests/fs/test_contents.py asks the same of the ways of reading that need no package.
"""

import csv
import hashlib
import io
import json
import os
import subprocess
import types
import typing
from xml.etree import ElementTree

import pytest

from control import SLOW, Sandbox  # tests/sandbox/control.py

SURVEY = "SV_demoCustomers02"
TEXTS = ["007", "=1+1", "1e5", "Grüße, „Ähre“ 🍜", 'say "hi"\nand go', " é", "-"]


# --- what a program told of a file, against the csv that the service sends -----------------------------------------


def whole(told, sent):
    assert hashlib.sha256(told).hexdigest() == hashlib.sha256(sent).hexdigest()
    assert told == sent


def digest(told, sent):
    assert hashlib.sha256(sent).hexdigest() in told.decode().replace(" ", "").lower()


def the_number_of_lines(told, sent):
    assert int(told) == sent.count(b"\n") > 0


def a_csv(told, sent):
    """What kind of file it is; of one that was cut, or of zeros, "data"."""
    assert told.decode().startswith("CSV text")


def in_order(told, sent):
    assert told.splitlines(keepends=True) == sorted(sent.splitlines(keepends=True))


def the_end(told, sent):
    """The last page of a terminal that cuts long lines."""
    last = sent.decode().splitlines()[-5:]
    assert len(last) == 5 and all(line[:70] in told.decode(errors="replace") for line in last)


def rows_of(data):
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def as_csv(told, sent):
    assert rows_of(told) == rows_of(sent)


def as_json(told, sent):
    assert [list(row.values()) for row in json.loads(told)] == rows_of(sent)[1:]


def as_cells(told, sent):
    """As R and PYTHON tell them."""
    assert [row.split("\x1f") for row in told.decode().split("\x1e")] == rows_of(sent)


def as_cells_of_fread(told, sent):
    """It takes the quotes around a cell away and leaves those inside doubled."""
    as_cells(told.replace(b'""', b'"'), sent)


def as_values(told, sent):
    """A spreadsheet takes 007 for a number, and writes moments in its own way."""

    def value(cell):
        try:
            return float(cell)
        except ValueError:
            return cell.replace("/", "-").removesuffix(" 00:00:00")

    assert [[*map(value, row)] for row in rows_of(told)] == [[*map(value, row)] for row in rows_of(sent)]


def as_texts(told, sent):
    """The last column, of TEXTS."""
    found, answered = ([row[-1] for row in rows_of(data) if "R_" in "".join(row)] for data in (told, sent))
    assert found == answered == TEXTS


def texts_in_json(told, sent):
    assert json.loads(told) == TEXTS


def texts_in_xml(told, sent):
    assert [element.text for element in ElementTree.fromstring(b"<all>" + told + b"</all>")] == TEXTS


# --- the programs ----------------------------------------------------------------------------------------------------


class Program(typing.NamedTuple):
    packages: str  # Debian's
    command: str  # of bash, in an empty folder: writes what it sees of $FILE to its output, and complains of nothing
    told: typing.Callable = whole
    form: str = ".csv"


R = """Rscript --vanilla -e 'f <- Sys.getenv("FILE")
    tell <- function(table) cat(do.call(paste, c(unname(as.list(table)), sep="\\x1f")), sep="\\x1e")
    tell_csv <- function(table) write.csv(table, row.names=FALSE, na="")
    %s'"""
READR = 'readr::read_csv(f, FALSE, readr::cols(.default="c"), na=character(), trim_ws=FALSE, progress=FALSE)'
FREAD = """data.table::fread(f, header=FALSE, colClasses="character", na.strings=NULL, strip.white=FALSE,
    encoding="UTF-8")"""
VROOM = """vroom::vroom(f, ",", col_names=FALSE, col_types=vroom::cols(.default="c"), na=character(), trim_ws=FALSE,
    progress=FALSE, %s)"""
READXL = 'readxl::read_excel(f, col_types="text", na="no", trim_ws=FALSE, progress=FALSE, .name_repair="minimal")'

PYTHON = """/usr/bin/python3 -c 'import os, sys, numpy, pandas; f = os.environ["FILE"]
def tell(table): print("\\x1e".join("\\x1f".join(row) for row in table), end="")
%s'"""
LOADTXT = 'numpy.loadtxt(f, str, None, ",", quotechar="\\"", encoding="utf-8")'
READ_EXCEL = "pandas.read_excel(f, dtype=str, na_filter=False)"

# As a web server it tells a length first, and as many bytes.
HTTP_SERVER = """/usr/bin/python3 -c 'import functools, http.server, os, shutil, sys, threading, urllib.request
folder, name = os.path.split(os.environ["FILE"])
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words): pass
with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with urllib.request.urlopen("http://127.0.0.1:%d/%s" % (server.server_port, name)) as answer:
        assert int(answer.headers["Content-Length"]) == os.stat(os.environ["FILE"]).st_size
        shutil.copyfileobj(answer, sys.stdout.buffer)
    server.shutdown()'"""

PHP = """php -n -r '$f = getenv("FILE"); %s'"""
PHP_CSV = """$rows = []; for ($h = fopen($f, "r"); $row = fgetcsv($h, null, ",", chr(34), "");
    $rows[] = implode("\x1f", $row));
    echo implode("\x1e", $rows);"""
RUBY = """ruby -rcsv -e 'f = ENV["FILE"]; %s'"""
RUBY_CSV = 'print CSV.read(f, encoding: "UTF-8").map { |row| row.join("\x1f") }.join("\x1e")'

NODE = """node --no-warnings -e 'const fs = require("fs"), f = process.env.FILE; %s'"""

GIT = "export GIT_DIR=$PWD/repository; git init -q --bare; "
GIT_HASH = GIT + 'git cat-file blob "$(git hash-object -w "$FILE")"'
GIT_ADD = GIT + 'cd "${FILE%/*}"; git --work-tree=. add "${FILE##*/}"; git cat-file blob ":${FILE##*/}"'

GPG = "gpg -q --no-keyring"
SSCONVERT = 'ssconvert -T Gnumeric_stf:stf_csv "$FILE" copy.csv; cat copy.csv'
SFTP = 'sftp -q -D /usr/lib/openssh/sftp-server -b - <<<"get $FILE copy" >/dev/null; cat copy'
SQLITE_IMPORT = """sqlite3 -json :memory: ".import --csv '$FILE' a" "select * from a order by rowid" """
SQLITE_READFILE = """sqlite3 :memory: "select writefile('copy', readfile('$FILE'))" >/dev/null; cat copy"""
SCP = 'scp -q -D /usr/lib/openssh/sftp-server "host:$FILE" copy; cat copy'
# Of two that are called alike, in filters/ and now/, it takes this one.
GREP_R = "grep -rah --include=responses.csv --exclude-dir={now,filters,dates,with} '' \"${FILE%/*}\""
TERMINAL = """printf q | TERM=xterm script -qec 'stty rows 24 cols 80; %s' log"""

NGINX = """
cat >conf <<END
pid pid; error_log stderr; master_process off; events {}
http {
    access_log off; sendfile on;
    client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
    server { listen unix:socket; root "${FILE%/*}"; }
}
END
PATH=$PATH:/usr/sbin nginx -e stderr -p "$PWD/" -c conf  # returns when it listens
trap 'kill "$(cat pid)"' EXIT
curl -sS --unix-socket socket "http://localhost/${FILE##*/}" """

PROGRAMS = {
    "awk": Program("mawk", 'mawk 1 "$FILE"'),
    "base64": Program("coreutils", 'base64 "$FILE" | base64 -d'),
    "cmp -s": Program("diffutils", 'cmp -s "$FILE" "$SENT"; cat "$FILE"'),
    "cp reflink": Program("coreutils", 'cp --reflink=auto "$FILE" copy; cat copy'),
    "file": Program("file", 'file -b "$FILE"', a_csv),
    "gawk": Program("gawk", 'gawk 1 "$FILE"'),
    "grep -c": Program("grep", "grep -ac '' \"$FILE\"", the_number_of_lines),
    "grep -r": Program("grep", GREP_R),
    "http.server": Program("python3", HTTP_SERVER),
    "jq": Program("jq", """jq -s 'map(.values.QID2_TEXT)' "$FILE" """, texts_in_json, ".ndjson"),
    "lftp": Program("lftp", 'lftp -c "set cmd:fail-exit yes; get -c \'file://$FILE\' -o copy"; cat copy'),
    "lua": Program("lua5.4", """lua5.4 -e 'io.write(io.open(os.getenv("FILE"), "rb"):read("a"))'"""),
    "miller": Program("miller", 'mlr --csv --implicit-csv-header --headerless-csv-output -S cat "$FILE"', as_csv),
    "openssl": Program("openssl", 'openssl dgst -sha256 "$FILE"', digest),
    "perl File::Copy": Program("perl", """perl -MFile::Copy -e 'copy($ENV{FILE}, "copy") or die'; cat copy"""),
    "php copy": Program("php-cli", PHP % 'copy($f, "copy");' + "; cat copy"),
    "php fgetcsv": Program("php-cli", PHP % PHP_CSV, as_cells),
    "php file_get_contents": Program("php-cli", PHP % "echo file_get_contents($f);"),
    "php readfile": Program("php-cli", PHP % "readfile($f);"),
    "pigz": Program("pigz", 'pigz -c "$FILE" | pigz -dc'),
    "pspp": Program("pspp", 'pspp-convert "$FILE" copy.csv; cat copy.csv', as_texts, ".sav"),
    "R vroom": Program("r-cran-vroom", R % f"tell({VROOM % 'altrep=FALSE'})", as_cells),
    "R vroom lazy": Program("r-cran-vroom", R % f"tell({VROOM % 'altrep=TRUE'})", as_cells),
    "ruby copy_stream": Program("ruby", RUBY % 'IO.copy_stream(f, "copy")' + "; cat copy"),
    "ruby csv": Program("ruby", RUBY % RUBY_CSV, as_cells),
    "ruby read": Program("ruby", RUBY % "$stdout.write(File.binread(f))"),
    "scp": Program("openssh-client openssh-sftp-server", SCP),
    "sed": Program("sed", "sed '' \"$FILE\""),
    "stat, then cp": Program("coreutils", 'stat "$FILE" >log; cp "$FILE" copy; cat copy'),
    "xmllint": Program("libxml2-utils", 'xmllint --xpath "//QID2_TEXT" "$FILE"', texts_in_xml, ".xml"),
    "xxd": Program("xxd", 'xxd -p "$FILE" | xxd -r -p'),
    "xz": Program("xz-utils", 'xz -0c "$FILE" | xz -dc'),
    "borg": Program("borgbackup", 'export BORG_BASE_DIR=$PWD; borg init -e none r; borg create r::1 "$FILE"; '
                    "borg extract --stdout r::1"),
    "csvkit": Program("csvkit", 'csvcut "$FILE"', as_csv),
    "git hash-object": Program("git", GIT_HASH),
    "gnumeric csv": Program("gnumeric", SSCONVERT, as_values),
    "gnumeric xlsx": Program("gnumeric", SSCONVERT, as_texts, ".xlsx"),
    "gpg digest": Program("gpg", f'{GPG} --print-md SHA256 "$FILE"', digest),
    "gpg store": Program("gpg", f'{GPG} -o packet --store "$FILE"; {GPG} --decrypt packet'),
    "grep": Program("grep", "grep -a '' \"$FILE\""),
    "less": Program("less", 'less "$FILE" | cat'),
    "less at the end": Program("less", TERMINAL % 'less -S +G "$FILE"', the_end),
    "nginx": Program("nginx curl", NGINX),
    "node copyFile": Program("nodejs", NODE % 'fs.copyFileSync(f, "copy")' + "; cat copy"),
    "node cp": Program("nodejs", NODE % 'fs.cpSync(f, "copy")' + "; cat copy"),
    "node readFile": Program("nodejs", NODE % "process.stdout.write(fs.readFileSync(f))"),
    "node stream": Program("nodejs", NODE % "fs.createReadStream(f).pipe(process.stdout)"),
    "numpy fromfile": Program("python3-numpy", PYTHON % 'numpy.fromfile(f, "u1").tofile("copy")' + "; cat copy"),
    "numpy loadtxt": Program("python3-numpy", PYTHON % f"tell({LOADTXT})", as_cells),
    "numpy memmap": Program("python3-numpy", PYTHON % 'numpy.memmap(f, "u1", "r").tofile("copy")' + "; cat copy"),
    "pandas xlsx": Program("python3-pandas", PYTHON % f"{READ_EXCEL}.to_csv(sys.stdout, index=False)", as_texts,
                           ".xlsx"),
    "perl": Program("perl", "perl -pe '' \"$FILE\""),
    "R file.copy": Program("r-base-core", R % 'stopifnot(file.copy(f, "copy"))' + "; cat copy"),
    "R fread": Program("r-cran-data.table", R % f"tell({FREAD})", as_cells_of_fread),
    "R haven": Program("r-cran-haven", R % "tell_csv(haven::read_sav(f))", as_texts, ".sav"),
    "R read.csv": Program("r-base-core", R % 'tell(read.csv(f, FALSE, colClasses="character", na.strings=NULL))',
                          as_cells),
    "R readBin": Program("r-base-core", R % 'n <- file.size(f); writeBin(readBin(f, "raw", n), "copy")' + "; cat copy"),
    "R readr": Program("r-cran-readr", R % f"tell({READR})", as_cells),
    "R readr before 2.0": Program("r-cran-readr", R % f"tell(readr::with_edition(1, {READR}))", as_cells),
    "R readxl": Program("r-cran-readxl", R % f"tell_csv({READXL})", as_texts, ".xlsx"),
    "rclone": Program("rclone", 'rclone copyto "$FILE" copy 2>/dev/null; cat copy'),  # complains, and tries again
    "ripgrep": Program("ripgrep", "rg --no-config -aN --mmap '^' \"$FILE\""),
    "sftp": Program("openssh-client openssh-sftp-server", SFTP),
    "sha256sum": Program("coreutils", 'sha256sum "$FILE"', digest),
    "sort": Program("coreutils", 'LC_ALL=C sort "$FILE"', in_order),
    "sqlite .import": Program("sqlite3", SQLITE_IMPORT, as_json),
    "sqlite readfile": Program("sqlite3", SQLITE_READFILE),
    "tac": Program("coreutils", 'tac "$FILE" | tac'),
    "vim": Program("vim-tiny", "vim.tiny -u NONE -n -b -es -c 'w! copy' -c 'qa!' \"$FILE\"; cat copy"),
    "zip": Program("zip unzip", 'zip -q z "$FILE"; unzip -p z'),
    "zstd": Program("zstd", 'zstd -q -o z "$FILE"; zstd -dqc z'),
    "7z": Program("p7zip-full", '7z a -bd -bso0 z.7z "$FILE"; 7z x -so z.7z'),
}

# These ask for the size before they open, and rely on it: they fail, and say so. Once it was opened all is well.
HASTY = {
    "diff": Program("diffutils", 'diff -q "$FILE" "$SENT" && cat "$FILE"'),
    "git add": Program("git", GIT_ADD),
    "unzip": Program("unzip", 'unzip -tq "$FILE"', lambda told, sent: None, ".xlsx"),
}

# These take the size before they open for how long the file is: to what was read they add zeros (bsdtar a hole), and
# cpio alone says so. They pack it and write it out of the archive again. Once it was opened all is well.
PADDING = {
    "bsdtar": Program("libarchive-tools", """bsdtar -cf x.tar -C "${FILE%/*}" "${FILE##*/}"
                      bsdtar -xf x.tar; cat "${FILE##*/}" """),
    "cpio": Program("cpio libarchive-tools", '(cd "${FILE%/*}"; echo "${FILE##*/}" | cpio --quiet -o) | bsdtar -xOf -'),
}


# --- the tests -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service():
    """One account for all: they change nothing there. Each has a mount and a cache of its own."""
    with Sandbox.start(settings={"job_polls": 1}) as account:
        account.texts = account.add_survey("Texts")
        for text in TEXTS:
            account.append(account.texts, 1, values={"QID1": "1", "QID2_TEXT": text})
        yield account
        account.check_limits()


def environment():
    """This one's, without what people configure programs by."""
    habits = "BORG_", "GIT_", "LC_", "LANG", "LESS", "NODE_", "PYTHON", "RCLONE_", "RIPGREP_", "R_", "ZSTD_"
    return {name: value for name, value in os.environ.items() if not name.startswith(habits)} | {"LC_ALL": "C.UTF-8"}


@pytest.fixture
def run(service, mounts, tmp_path):
    """run(program): its command on a mount where nothing was opened, or was by the same command before."""
    mount = mounts(service)
    (tmp_path / "folder").mkdir()
    service.reset_stats()

    def command(program):
        survey = SURVEY if program.form == ".csv" else service.texts
        file = mount.path / "surveys" / survey / f"responses{program.form}"
        sent = service.entry(survey)
        (tmp_path / "sent").write_bytes(sent)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", program.command],
            cwd=tmp_path / "folder", stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * SLOW, check=False,
            env={**environment(), "HOME": str(tmp_path), "FILE": str(file), "SENT": str(tmp_path / "sent")},
        )
        assert done.returncode != 127, f"needs {program.packages}: {done.stderr.decode()}"
        return types.SimpleNamespace(file=file, sent=sent, status=done.returncode, told=done.stdout,
                                     complained=done.stderr.decode(errors="replace"))

    return command


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_sees_all_of_a_cold_file_for_one_export(name, service, run):
    seen = run(PROGRAMS[name])
    assert (seen.status, seen.complained) == (0, ""), seen.told[-2000:]
    PROGRAMS[name].told(seen.told, seen.sent)
    assert service.count("export_start") == 1
    assert seen.file.stat().st_blocks > 0


@pytest.mark.parametrize("name", HASTY)
def test_it_fails_aloud_on_a_cold_file_and_sees_all_of_it_then(name, service, run):
    first = run(HASTY[name])
    assert first.status != 0 and first.told + first.complained.encode() != b""
    first.file.read_bytes()
    second = run(HASTY[name])
    assert (second.status, second.complained) == (0, "")
    HASTY[name].told(second.told, second.sent)
    assert service.count("export_start") == 1


@pytest.mark.parametrize("name", PADDING)
def test_it_pads_a_cold_file_and_sees_all_of_it_then(name, service, run):
    packages, command, *_ = PADDING[name]
    first = run(Program(packages, f"{{ {command} || true; }} 2>/dev/null | head -c 4M"))
    assert first.told == first.sent.ljust(4 << 20, b"\0")
    second = run(Program(packages, command))
    assert (second.status, second.complained) == (0, "")
    whole(second.told, second.sent)
    assert service.count("export_start") == 1
