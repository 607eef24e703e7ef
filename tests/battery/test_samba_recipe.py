"""packaging/samba/smb.conf, exactly that file: a colleague reads cold and warm, puts an import, reads its report.

Where the recipe says /srv/qualtrics, and that there is a user "qualtrics", smbd sees that: it runs in a mount
namespace of its own, with this test's mount and its own /etc/passwd.
"""

import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile

import pytest

import imports
from common import ROOT
from control import SLOW  # tests/sandbox/control.py
from test_samba import GLOBAL, SMALL, SMBD, Share

RECIPE = ROOT / "packaging" / "samba" / "smb.conf"
OPTIONS = "allow_other,uid=54320,gid=54320,umask=077,open_wait=15,prefetch=50,hold=always"
LIST = imports.EMPTY
PEOPLE = imports.people(2)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="smbd needs root")

# What Debian's own smb.conf says or stands for; the recipe tells to include it.
CONFIG = GLOBAL + "include = {recipe}\n"

USERS = {
    "passwd": ("qualtrics:x:54320:54320::/nonexistent:/usr/sbin/nologin", "ann:x:54321:54321::/nonexistent:/bin/sh",
               "eve:x:54322:54322::/nonexistent:/bin/sh"),
    "group": ("qualtrics:x:54320:ann", "ann:x:54321:", "eve:x:54322:"),
}  # fmt: skip


class Recipe(Share):
    """The server of the recipe, after its steps 1 to 4."""

    user = ("--user=ann%secret",)
    name = "qualtrics"

    def configuration(self, path):
        shutil.copy(RECIPE, self.folder / "qxfs.conf")
        return CONFIG.format(folder=self.folder, recipe=self.folder / "qxfs.conf")

    def listen(self):
        super().listen()
        for name, lines in USERS.items():
            text = pathlib.Path("/etc", name).read_text()
            (self.folder / name).write_text(text + "".join(f"{line}\n" for line in lines))

    def serve_from(self, mount):
        links = self.folder / "import"
        links.mkdir()
        (links / "Newsletter").symlink_to(f"/srv/qualtrics/work/mailinglists/{LIST}/import")
        folder, path = shlex.quote(str(self.folder)), shlex.quote(str(mount.path))
        prepare = (
            "mount -t tmpfs -o mode=755 srv /srv && mkdir -p /srv/qualtrics/work /srv/qualtrics/import && "
            f"mount --bind {path} /srv/qualtrics/work && mount --bind {folder}/import /srv/qualtrics/import && "
            f"mount --bind {folder}/passwd /etc/passwd && mount --bind {folder}/group /etc/group && exec \"$@\""
        )
        self.command = ["unshare", "--mount", "sh", "-c", prepare, "sh"]
        for user in ("ann", "eve"):
            subprocess.run(
                [*self.command, "pdbedit", f"--configfile={self.config}", "-a", "-t", user],
                input="secret\nsecret\n", text=True, check=True, capture_output=True, timeout=60 * SLOW,
            )  # fmt: skip
        return self

    def of(self, name, user="ann"):
        self.name, self.user = name, (f"--user={user}%secret",)
        return self


@pytest.fixture
def server(mount):
    """Ends before the mount does. Samba's sockets want short paths."""
    with tempfile.TemporaryDirectory(prefix="smb.") as folder:
        made = Recipe(f"{folder}/s", None)
        try:
            yield made.serve_from(mount)
        finally:
            made.close()


@pytest.fixture
def mount(sandbox, mounts):
    return mounts(sandbox, OPTIONS)


def test_the_recipe_has_no_word_that_samba_does_not_know():
    testparm = pathlib.Path(SMBD).parents[1] / "bin" / "testparm"
    done = subprocess.run([testparm, "-s", RECIPE], capture_output=True, text=True, timeout=60 * SLOW, check=False)
    assert done.returncode == 0, done.stderr
    for complaint in ("Unknown", "Global parameter", "WARNING", "Invalid"):
        assert complaint not in done.stderr, done.stderr


def test_the_options_of_the_mount_are_those_of_the_recipe():
    assert OPTIONS.replace("54320", "qualtrics") in RECIPE.read_text()


def test_a_colleague_lists_and_no_export_starts(sandbox, server):
    assert {"surveys", "mailinglists", "README.txt"} <= server.names("")
    assert "responses.csv" in server.names(f"surveys/{SMALL}")
    assert sandbox.count("export_start") == 0


@pytest.mark.parametrize("warm", [True, False])
def test_a_colleague_reads_a_file(sandbox, mount, server, tmp_path, warm):
    if warm:
        (mount.path / "surveys" / SMALL / "responses.csv").read_bytes()
    assert server.get(f"surveys/{SMALL}/responses.csv", tmp_path / "got") == sandbox.entry(SMALL, "csv")
    assert sandbox.count("export_start") == 1


def test_who_is_not_in_the_group_gets_nothing(server):
    for share in ("qualtrics", "qualtrics-import"):
        answer = server.of(share, "eve").run("ls")
        assert "NT_STATUS_ACCESS_DENIED" in answer.stdout + answer.stderr


def test_other_users_of_the_server_get_nothing(mount):
    assert subprocess.run(["setpriv", "--reuid=54321", "--clear-groups", "ls", mount.path], check=False,
                          capture_output=True).returncode != 0  # fmt: skip


def test_the_first_share_is_read_only(server, tmp_path):
    (tmp_path / "people.csv").write_bytes(PEOPLE)
    answer = server.run(f'put "{tmp_path / "people.csv"}" mailinglists/{LIST}/import/people.csv')
    assert "NT_STATUS_ACCESS_DENIED" in answer.stdout + answer.stderr or "MEDIA_WRITE_PROTECTED" in answer.stdout
    assert "people.csv" not in server.names(f"mailinglists/{LIST}/import")


def put(server, tmp_path, content=PEOPLE):
    (tmp_path / "people.csv").write_bytes(content)
    server.of("qualtrics-import").output(f'put "{tmp_path / "people.csv"}" Newsletter/people.csv')


def test_the_second_share_shows_the_named_folders_only(server):
    assert server.of("qualtrics-import").names("") - {".", ".."} == {"Newsletter"}


def test_an_import_is_put_held_and_reported(sandbox, mount, server, tmp_path):
    put(server, tmp_path)
    assert server.names("Newsletter") >= {"people.csv", "people.csv.report.txt"}
    assert "held" in server.get("Newsletter/people.csv.report.txt", tmp_path / "report").decode()
    assert imports.wait_for(mount, mount.path / "mailinglists" / LIST / "import" / "people.csv")[0] == 6
    assert sandbox.count("contact_import") == 0


def test_moved_into_send_it_is_imported_once(sandbox, mount, server, tmp_path):
    put(server, tmp_path)
    server.output("rename Newsletter/people.csv Newsletter/send/people.csv")
    assert imports.wait_for(mount, mount.path / "mailinglists" / LIST / "import" / "people.csv")[0] == 0
    assert set(imports.members(sandbox)) == {"person0@example.com", "person1@example.com"}
    assert sandbox.count("contact_import") == 1
    assert server.get("Newsletter/done/people.csv", tmp_path / "done") == PEOPLE


def test_what_is_wrong_with_an_import_is_read_in_its_report(server, tmp_path):
    (tmp_path / "wrong.csv").write_bytes(imports.WRONG)
    server.of("qualtrics-import").run(f'put "{tmp_path / "wrong.csv"}" Newsletter/wrong.csv')
    report = server.get("Newsletter/wrong.csv.report.txt", tmp_path / "report").decode()
    assert "refused" in report and "address" in report
