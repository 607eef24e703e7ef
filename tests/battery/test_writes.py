"""What other people's programs write into an import folder (research/EXPERIMENTS.md 8): a valid copy is imported exactly
once, an invalid one is reported where that program reports, and always in the report."""

import os
import shlex
import subprocess
import typing

import pexpect
import pytest

from control import SLOW  # tests/sandbox/control.py
from imports import WRONG, folder, people, report_of, sent, wait_for
from test_programs import environment
from test_samba import share  # noqa: F401 (a fixture)

NAME = "given.csv"


class Program(typing.NamedTuple):
    packages: str  # Debian's
    command: str  # of bash, in an empty folder: $SOURCE to $TARGET, which is $NAME in $FOLDER
    talks: bool = True  # its exit status tells of an error at close
    removes: bool = False  # it takes away what it could not finish, and with it the report
    old: bool = False  # something is there already


PYTHON = "/usr/bin/python3 -c 'import os, shutil, sys; source, target = sys.argv[1:]; %s' $SOURCE $TARGET"
NODE = """node -e 'const fs = require("fs"), [source, target] = process.argv.slice(1); %s' $SOURCE $TARGET"""
VIM = "vim.tiny -Nu NONE -i NONE -es $SOURCE -c \"w! $TARGET\" -c 'qa!'"
R_WRITE = """Rscript --vanilla -e 'a <- commandArgs(TRUE)
    write.csv(read.csv(a[1], colClasses="character"), a[2], row.names=FALSE)' $SOURCE $TARGET"""
SOFFICE = """cp $SOURCE $NAME; soffice -env:UserInstallation=file://$PWD/profile --headless --norestore \
    --infilter=CSV:44,34,76,1,1/2/2/2/3/2/4/2 --convert-to csv:'Text - txt - csv (StarCalc)':44,34,76,1 \
    --outdir $FOLDER $NAME"""
SFTP = """sftp -q -D /usr/lib/openssh/sftp-server -b - <<<"put $SOURCE $TARGET" """

PROGRAMS = {
    "cp": Program("coreutils", "cp $SOURCE $TARGET"),
    "cp over": Program("coreutils", "cp $SOURCE $TARGET", old=True),
    "cp -a": Program("coreutils", "cp -a $SOURCE $TARGET"),
    "curl": Program("curl", "curl -sS -o $TARGET file://$SOURCE"),
    "dd": Program("coreutils", "dd if=$SOURCE of=$TARGET bs=7 status=none"),
    "dd fsync": Program("coreutils", "dd if=$SOURCE of=$TARGET bs=64k conv=fsync status=none"),
    "Excel's sequence": Program("coreutils", "cp $SOURCE $FOLDER/Cedd4100; mv $FOLDER/Cedd4100 $TARGET"),
    "gio copy": Program("libglib2.0-bin", "gio copy $SOURCE $TARGET"),
    "gio copy over": Program("libglib2.0-bin", "gio copy $SOURCE $TARGET", old=True),
    "gio move": Program("libglib2.0-bin", "cp $SOURCE it; gio move it $TARGET"),
    "gio save": Program("libglib2.0-bin", "gio save $TARGET <$SOURCE"),
    "install": Program("coreutils", "install -m 640 $SOURCE $TARGET"),
    "LibreOffice": Program("libreoffice-calc", SOFFICE, talks=False),
    "LibreOffice over": Program("libreoffice-calc", SOFFICE, talks=False, old=True),
    "mv": Program("coreutils", "cp $SOURCE it; mv it $TARGET"),
    "mv over": Program("coreutils", "cp $SOURCE it; mv -f it $TARGET", old=True),
    "lftp": Program("lftp", """lftp -c "set cmd:fail-exit yes; open file://$PWD; get file://$SOURCE -o $TARGET" """,
                    talks=False),
    "node copyFile": Program("nodejs", NODE % "fs.copyFileSync(source, target)", removes=True),
    "node stream": Program("nodejs", NODE % "fs.createReadStream(source).pipe(fs.createWriteStream(target))"),
    "node writeFile": Program("nodejs", NODE % "fs.writeFileSync(target, fs.readFileSync(source))"),
    "pandas": Program("python3-pandas", PYTHON % "import pandas; pandas.read_csv(source, dtype=str).to_csv(target, index=0)"),
    "python": Program("python3", PYTHON % "shutil.copyfile(source, target)"),
    "python copy2": Program("python3", PYTHON % "shutil.copy2(source, target)"),
    "python fsync": Program("python3", PYTHON % "f = open(target, \"wb\"); f.write(open(source, \"rb\").read());"
                            " f.flush(); os.fsync(f.fileno()); f.close()"),
    "python unclosed": Program("python3", PYTHON % "f = open(target, \"wb\"); f.write(open(source, \"rb\").read())",
                               talks=False),
    "R": Program("r-base-core", R_WRITE, talks=False),
    "rclone": Program("rclone", "rclone copyto $SOURCE $TARGET --retries 1 --low-level-retries 1", removes=True),
    "rsync": Program("rsync", "rsync -a $SOURCE $TARGET"),
    "rsync in place": Program("rsync", "rsync -a --inplace $SOURCE $TARGET"),
    "scp": Program("openssh-client openssh-sftp-server", "scp -q -D /usr/lib/openssh/sftp-server $SOURCE host:$TARGET"),
    "sed -i": Program("sed", "cp $SOURCE $FOLDER/s; sed -i 's/^\\r$//' $FOLDER/s; mv $FOLDER/s $TARGET"),
    "sftp": Program("openssh-client openssh-sftp-server", SFTP),
    "shell echo": Program("bash", 'mapfile -d "" whole <$SOURCE; echo -n "$whole" >$TARGET', talks=False),
    "shell >": Program("bash", "cat $SOURCE >$TARGET"),
    "shell >>": Program("bash", "head -n 1 $SOURCE >$TARGET; tail -n +2 $SOURCE >>$TARGET"),
    "shell group": Program("bash", "{ head -n 1 $SOURCE; tail -n +2 $SOURCE; } >$TARGET", talks=False),
    "tar": Program("tar", "cp $SOURCE $NAME; tar cf x.tar $NAME; tar xf x.tar -C $FOLDER"),
    "tee": Program("coreutils", "tee $TARGET <$SOURCE >/dev/null"),
    "touch": Program("coreutils", "touch $TARGET; cat $SOURCE >$TARGET"),
    "unzip": Program("zip unzip", "cp $SOURCE $NAME; zip -q x.zip $NAME; unzip -qo x.zip -d $FOLDER", talks=False),
    "vim": Program("vim-tiny", VIM),
    "vim over": Program("vim-tiny", VIM, old=True),
    "WinSCP's sequence": Program("coreutils", "cp $SOURCE $TARGET.filepart; mv $TARGET.filepart $TARGET"),
}


@pytest.fixture
def mount(sandbox, mounts):
    """Some programs give a part first, or nothing, and the rest at once: qxfs wait ends the delay."""
    return mounts(sandbox, "import_delay=600")


@pytest.fixture
def run(mount, tmp_path):
    def command(program, data):
        source, work, target = tmp_path / "source.csv", tmp_path / "work", folder(mount) / NAME
        source.write_bytes(data)
        work.mkdir()
        if program.old:
            target.write_bytes(b"email\nold@example.com\n")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", program.command], cwd=work, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60 * SLOW, check=False,
            env={**environment(), "HOME": str(tmp_path), "SOURCE": str(source), "TARGET": str(target), "NAME": NAME,
                 "FOLDER": str(target.parent)},
        )
        assert done.returncode != 127, f"needs {program.packages}: {done.stderr}"
        return done

    return command


def check_imported(sandbox, mount, count=3):
    status, said = wait_for(mount, folder(mount) / NAME)
    assert status == 0, said
    assert sent(sandbox) == [f"person{n}@example.com" for n in range(count)]


def check_refused(sandbox, mount):
    assert wait_for(mount, folder(mount) / NAME)[0] == 4
    assert "line 3" in report_of(folder(mount) / NAME).lower()
    assert sent(sandbox) == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_valid_copy_is_imported_exactly_once(sandbox, mount, run, name):
    done = run(PROGRAMS[name], people(3))
    assert done.returncode == 0, done.stdout + done.stderr
    check_imported(sandbox, mount)


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_invalid_one_is_reported(sandbox, mount, run, name):
    program = PROGRAMS[name]
    done = run(program, WRONG)
    if program.talks:
        assert done.returncode != 0, done.stdout + done.stderr
    if program.removes:
        assert wait_for(mount, folder(mount) / NAME)[0] == 1 and sent(sandbox) == []
    else:
        check_refused(sandbox, mount)


def type_into_nano(target, data, home):
    nano = pexpect.spawn("nano", ["-I", "-t", str(target)], env={**environment(), "HOME": str(home), "TERM": "xterm"},
                         dimensions=(24, 300), timeout=20 * SLOW)
    nano.expect("New File|Read ")
    for line in data.decode().splitlines():
        nano.send(line + "\r")
    nano.send("\x18")  # ^X: with -t it saves, and asks nothing
    return nano


def test_what_is_typed_into_nano_is_imported(sandbox, mount, tmp_path):
    nano = type_into_nano(folder(mount) / NAME, people(3), tmp_path)
    nano.expect(pexpect.EOF)
    check_imported(sandbox, mount)


def test_nano_tells_what_is_wrong(sandbox, mount, tmp_path):
    nano = type_into_nano(folder(mount) / NAME, WRONG, tmp_path)
    nano.expect("Error writing.*Invalid argument")
    nano.close(force=True)
    check_refused(sandbox, mount)


@pytest.mark.skipif(os.geteuid() != 0, reason="smbd needs root")
@pytest.mark.parametrize("good", [True, False])
def test_smbclient_puts_a_file(sandbox, mounts, share, tmp_path, good):  # noqa: F811
    mount = mounts(sandbox, "allow_other", "import_delay=600")
    smb = share(mount)
    source = tmp_path / "source.csv"
    source.write_bytes(people(3) if good else WRONG)
    path = (folder(mount) / NAME).relative_to(mount.path)
    done = smb.run(f"put {shlex.quote(str(source))} {path}")
    if good:
        assert done.returncode == 0, done.stdout + done.stderr
        check_imported(sandbox, mount)
        report = tmp_path / "report"
        assert b"3 added" in smb.get(f"{path.parent}/done/{NAME}.report.txt", report)
    else:
        assert done.returncode != 0 and "NT_STATUS_INVALID_PARAMETER" in done.stdout + done.stderr
        check_refused(sandbox, mount)
