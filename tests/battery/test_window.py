"""Programs with a window, on a screen of their own (Xvfb): LibreOffice as somebody has it who opens a file by mouse,
and a file manager that browses.

They are an ordinary user's, as a desktop is: root may write anything, and is told "Document in Use" (README). What is
to be seen is asked of X; what is in a document of LibreOffice itself (UNO).
"""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time

import openpyxl
import pytest

from control import SLOW  # tests/sandbox/control.py
from test_office import TEXTS, survey  # noqa: F401 (a fixture)
from test_programs import environment, rows_of

NOBODY = 65534
SURVEY = "SV_demoCustomers02"

# What is in the open document, and a copy of it elsewhere, with all formulas worked out again. It waits for
# LibreOffice.
TELL = """
import json, sys, time, uno
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException
pipe, copy, kind = sys.argv[1:]
resolve = uno.getComponentContext().ServiceManager.createInstance("com.sun.star.bridge.UnoUrlResolver").resolve
while True:
    try:
        context = resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        break
    except NoConnectException:
        time.sleep(0.1)
desktop = context.ServiceManager.createInstance("com.sun.star.frame.Desktop")
while not (document := desktop.getCurrentComponent()) or not hasattr(document, "Sheets"):
    time.sleep(0.1)
document.calculateAll()
sheet = document.Sheets[0]
cursor = sheet.createCursor()
cursor.gotoEndOfUsedArea(False)
used = sheet.getCellRangeByPosition(0, 0, cursor.RangeAddress.EndColumn, cursor.RangeAddress.EndRow)
filter = PropertyValue("FilterName", 0, kind, 0)
document.storeToURL(f"file://{copy}", (filter,))
print(json.dumps({"rows": used.getDataArray(), "read only": document.isReadonly()}))
desktop.terminate()
"""


class Screen:
    """An X server, and a person at it who may read everything below the folder and write into home."""

    def __init__(self, folder, until):
        self.until = until
        self.home = pathlib.Path(folder) / "home"
        self.home.mkdir()
        self.prefix = []
        if os.geteuid() == 0:
            os.chown(self.home, NOBODY, NOBODY)
            self.prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        self.log = open(pathlib.Path(folder) / "screen.log", "ab")
        self.running = []
        told, tell = os.pipe()
        # Without -noreset an X server begins anew when its last client goes, and turns away who comes just then: here
        # each question of xdotool's is the last client, as long as the program that is waited for has not connected.
        with open(told) as number:
            self.start("Xvfb", "-noreset", "-displayfd", tell, "-screen", "0", "1280x960x24", "-nolisten", "tcp",
                       pass_fds=[tell])
            os.close(tell)
            self.display = ":" + number.readline().strip()  # when it listens

    def env(self):
        return environment() | {"HOME": str(self.home), "DISPLAY": getattr(self, "display", ""),
                                "SAL_USE_VCLPLUGIN": "gen", "NO_AT_BRIDGE": "1"}

    def start(self, *command, **options):
        process = subprocess.Popen([*self.prefix, *map(str, command)], env=self.env(), cwd=self.home,
                                   stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, **options)
        self.running.append(process)
        return process

    def run(self, *command):
        return subprocess.run([*self.prefix, *map(str, command)], env=self.env(), cwd=self.home, capture_output=True,
                              text=True, timeout=80 * SLOW, check=False)

    def windows(self):
        """Those that can be seen: their names, with their numbers."""
        found = self.run("xdotool", "search", "--onlyvisible", "--name", ".").stdout.split()
        return {self.run("xdotool", "getwindowname", ident).stdout.strip(): ident for ident in found}

    def window(self, name):
        """Waits for one whose name holds this, and tells its number. X has no event for that which is simpler."""
        seen = {}

        def there():
            seen.clear()
            seen.update(self.windows())
            return next((ident for title, ident in seen.items() if name in title), None)

        try:
            return self.until(there, 30, name)
        except AssertionError as error:
            said = pathlib.Path(self.log.name).read_text(errors="replace")[-2000:]
            raise AssertionError(f"{error}: there are {sorted(seen)}; {said}") from None

    def press(self, window, key):
        done = self.run("xdotool", "windowfocus", "--sync", window, "key", "--window", window, key)
        assert done.returncode == 0, done.stderr

    def close(self):
        for process in reversed(self.running):
            process.terminate()
            try:
                process.wait(timeout=20 * SLOW)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.log.close()


@pytest.fixture
def folder():
    """That a person of another name may enter, as pytest's may not."""
    with tempfile.TemporaryDirectory(prefix="window.") as made:
        os.chmod(made, 0o755)
        yield pathlib.Path(made)


@pytest.fixture
def mount(sandbox, mounts, folder):
    """Its log has each request of the kernel."""
    options = ["allow_other", f"uid={NOBODY}", f"gid={NOBODY}"] if os.geteuid() == 0 else []
    made = mounts(sandbox, *options, folder=folder, flag="-d")
    sandbox.reset_stats()
    yield made
    made.stop()


@pytest.fixture
def screen(mount, folder, until):
    """It ends before the mount does."""
    with contextlib.closing(Screen(folder, until)) as made:
        yield made


class Office:
    def __init__(self, screen, file):
        self.screen, self.file = screen, file
        self.pipe = screen.home.parent.name
        self.process = screen.start(
            "soffice", f"-env:UserInstallation=file://{screen.home}/profile", "--norestore", "--nologo",
            "--nofirststartwizard", f"--accept=pipe,name={self.pipe};urp;", file)

    def tell(self, name, kind):
        """The document, and the path of its copy. LibreOffice ends."""
        copy = self.screen.home / name
        done = self.screen.run("/usr/bin/python3", "-c", TELL, self.pipe, copy, kind)
        assert done.returncode == 0, done.stderr
        self.process.wait(timeout=30 * SLOW)
        return json.loads(done.stdout), copy


def last_column(rows):
    return [str(row[-1]) for row in rows][-len(TEXTS):]


def check_untouched(sandbox, file, before):
    """No lock file, no temporary one, nothing sent."""
    assert sorted(os.listdir(file.parent)) == before
    assert sandbox.imports() == []
    assert sandbox.count("export_start") == 1


def test_a_cold_workbook_opens_in_a_window(sandbox, mount, survey, screen):  # noqa: F811
    file = mount.path / "surveys" / survey / "responses.xlsx"
    before = sorted(os.listdir(file.parent))
    office = Office(screen, file)
    screen.window("responses.xlsx (read-only) - LibreOffice Calc")
    assert "Document in Use" not in screen.windows()
    told, copy = office.tell("copy.xlsx", "Calc MS Excel 2007 XML")
    assert told["read only"] and last_column(told["rows"]) == TEXTS
    assert last_column(openpyxl.load_workbook(copy).worksheets[0].values) == TEXTS
    check_untouched(sandbox, file, before)


def test_a_cold_csv_opens_after_the_dialog_for_texts(sandbox, mount, survey, screen):  # noqa: F811
    file = mount.path / "surveys" / survey / "responses.csv"
    before = sorted(os.listdir(file.parent))
    office = Office(screen, file)
    screen.press(screen.window("Text Import"), "Return")
    screen.window("responses.csv (read-only) - LibreOffice Calc")
    assert "Document in Use" not in screen.windows()
    told, copy = office.tell("copy.csv", "Text - txt - csv (StarCalc)")
    assert told["read only"] and last_column(told["rows"])[2:] == TEXTS[2:]  # 007 is a number to it, 7
    assert len(told["rows"]) == len(rows_of(sandbox.entry(survey))) == len(rows_of(copy.read_bytes()))
    check_untouched(sandbox, file, before)


def test_a_file_manager_shows_a_folder_and_exports_no_table(sandbox, mount, screen, until):
    """What a name does not tell it opens: shared-mime-info has two types for .json (README.md here)."""
    file = mount.path / "surveys" / SURVEY / "responses.csv"
    before = len(mount.text_of_log())
    screen.start("pcmanfm", "--no-desktop", file.parent)
    screen.window(SURVEY)
    until(lambda: "opcode: RELEASEDIR" in mount.text_of_log()[before:], 20, "the end of the listing")
    until(lambda: is_idle(mount), 30, "the end of its requests")
    bodies = [call["body"] for call in sandbox.requests("export_start")]
    exported = {(json.loads(body) if isinstance(body, str) else body)["format"] for body in bodies}
    assert exported <= {"json"}
    assert file.stat().st_blocks == 0


def is_idle(mount):
    """Nobody asked anything for a while: there is no event for what does not come."""
    size = len(mount.text_of_log())
    time.sleep(0.5 * SLOW)
    return len(mount.text_of_log()) == size and not mount.status()["jobs"]
