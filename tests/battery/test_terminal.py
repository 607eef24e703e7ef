"""Programs that fill a terminal, typed at: they open a cold file and write elsewhere what they have. And those that
only look at a file's size, name and kind: they open nothing."""

import pexpect
import pytest

from control import SLOW  # tests/sandbox/control.py
from test_programs import Program, environment, run, service, whole  # noqa: F401 (fixtures)

SURVEY = "SV_demoCustomers02"


@pytest.fixture
def terminal(service, mounts, tmp_path):  # noqa: F811
    """terminal(command, argument, ...): started in an empty folder; FILE stands for the file's path."""
    mount = mounts(service)
    service.reset_stats()
    (tmp_path / "work").mkdir()

    def start(command, *arguments):
        words = {"FILE": str(mount.path / "surveys" / SURVEY / "responses.csv"),
                 "FOLDER": str(mount.path / "surveys" / SURVEY)}
        return pexpect.spawn(
            command, [words.get(word, word) for word in arguments], cwd=tmp_path / "work", dimensions=(60, 200),
            env={**environment(), "HOME": str(tmp_path), "TERM": "xterm"}, timeout=30 * SLOW)

    return start


def check_copy(service, copy):  # noqa: F811
    whole(copy.read_bytes(), service.entry(SURVEY))
    assert service.count("export_start") == 1


def test_vim_shows_a_cold_file(service, terminal, tmp_path):  # noqa: F811
    vim = terminal("vim.tiny", "-u", "NONE", "-n", "-b", "FILE")
    vim.expect("StartDate")
    vim.send(":w copy\r:q\r")
    vim.expect(pexpect.EOF)
    vim.close()
    assert vim.exitstatus == 0
    check_copy(service, tmp_path / "work" / "copy")


def test_nano_shows_a_cold_file(service, terminal, tmp_path):  # noqa: F811
    nano = terminal("nano", "-I", "--noconvert", "--nonewlines", "FILE")
    nano.expect("StartDate")
    nano.send("\x0f")  # ^O: it asks for a name, and offers the file's
    nano.expect("to Write")
    nano.send("\x0b" + str(tmp_path / "work" / "copy") + "\r")  # ^K: not that one
    nano.expect("DIFFERENT NAME")
    nano.send("y")
    nano.expect("Wrote")
    nano.send("\x18")  # ^X
    nano.expect(pexpect.EOF)
    check_copy(service, tmp_path / "work" / "copy")


def test_midnight_commander_copies_a_cold_file(service, terminal, tmp_path, until):  # noqa: F811
    commander = terminal("mc", "-a", "-u", "FOLDER", str(tmp_path / "work"))
    commander.expect("responses.csv")
    commander.send("\x13responses.csv")  # ^S: to the file that is so called
    commander.send("\x1b5")  # F5: copy
    commander.expect("Copy file")
    commander.send("\r")
    copy = tmp_path / "work" / "responses.csv"
    size = len(service.entry(SURVEY))
    until(lambda: copy.exists() and copy.stat().st_size >= size, 20, "the copy")
    commander.send("\x1b0")  # F10
    commander.expect(pexpect.EOF)
    check_copy(service, copy)


# What a program tells of a cold file without opening it: that there is one, which is not empty.
SIZES = {
    "du": 'test "$(du -b "$FILE" | cut -f 1)" -gt 1000000',
    "find -empty": 'test -z "$(find "$FILE" -empty)"',
    "find -size": 'test -n "$(find "$FILE" -size +0)"',
    "gio info": 'gio info -a standard::content-type,standard::size "$FILE" | grep -q "content-type: text/csv"',
    "ls -l": 'test "$(ls -l "$FILE" | cut -d " " -f 5)" -gt 1000000',
    "stat": 'test "$(stat -c %s "$FILE")" -gt 1000000',
    "test -s": 'test -s "$FILE"',
}


@pytest.mark.parametrize("name", SIZES)
def test_a_cold_file_is_not_empty_to_who_does_not_open_it(name, service, run):  # noqa: F811
    seen = run(Program("coreutils findutils libglib2.0-bin", SIZES[name]))
    assert (seen.status, seen.complained) == (0, "")
    assert service.count("export_start") == 0


def test_the_kind_of_a_cold_json_is_told_without_an_export(service, run):  # noqa: F811
    seen = run(Program("libglib2.0-bin", 'gio info -a standard::content-type "${FILE%csv}json" | grep -q application/'))
    assert (seen.status, seen.complained) == (0, "")
    assert service.count("export_start") == 0
