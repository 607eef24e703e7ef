"""Tokens and secrets in the desktop's keyring (DESIGN.md 6), which here is GNOME's, without a desktop."""

import os
import pathlib
import subprocess

import pytest

from common import outside_profile, tokens_for
from desk import NEEDS, Desk

SMALL = "SV_demoSmall000014"

pytestmark = NEEDS


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.end()


@pytest.fixture
def place(tmp_path, desk):
    (tmp_path / "m").mkdir()
    yield tmp_path / "m"
    desk.run("umount", tmp_path / "m")


def files_with(secret, folder):
    return [path for path in pathlib.Path(folder).rglob("*")
            if path.is_file() and secret in path.read_text("latin-1")]


def test_login_keeps_the_token_in_an_open_keyring(sandbox, desk, place):
    desk.start()
    said = desk.log_in(sandbox)
    assert "the keyring" in said and sandbox.token not in said
    assert desk.config.read_text() == f"[work]\nhost = {sandbox.url}\n"
    assert desk.items() == 1 and not files_with(sandbox.token, desk.home)
    answer = desk.run("work", place)
    assert answer.returncode == 0, answer.stderr
    assert (place / "surveys" / SMALL).exists() and not files_with(sandbox.token, desk.home)


def test_a_clients_secret_is_kept_there_too(sandbox, desk, place):
    desk.start()
    ident, secret = sandbox.client()
    answer = desk.run("login", "--oauth", "--keyring", "work", given=f"{sandbox.url}\n{ident}\n{secret}\nmanage:all\n")
    assert answer.returncode == 0, answer.stderr
    assert desk.config.read_text() == f"[work]\nhost = {sandbox.url}\nclient_id = {ident}\nscope = manage:all\n"
    assert desk.run("work", place).returncode == 0
    assert not files_with(secret, desk.home) and not files_with(sandbox.bearers()[0], desk.home)


@pytest.mark.parametrize("winner", ["option", "environment", "profile", "keyring"])
def test_the_first_found_wins(winner, sandbox, desk, place, tmp_path):
    """The losers hold a wrong token, the keyring too."""
    desk.start()
    desk.log_in(sandbox, "--keyring")
    if winner != "keyring":  # what it holds is good no longer
        old = sandbox.token
        assert sandbox.new_token() != old
    tokens = {} if winner == "keyring" else tokens_for(winner, ["option", "environment", "profile"], sandbox.token)
    words, env = outside_profile(tmp_path, tokens.get("option"), tokens.get("environment"))
    if "profile" in tokens:
        desk.config.write_text(desk.config.read_text() + f"token = {tokens['profile']}\n")
    sandbox.reset_stats()
    answer = desk.run(*words, "work", place, **env)
    assert answer.returncode == 0, answer.stderr
    assert os.path.ismount(place) and {entry["status"] for entry in sandbox.requests("whoami")} == {200}


def test_the_file_can_be_chosen_and_empties_the_keyring(sandbox, desk):
    desk.start()
    desk.log_in(sandbox)
    assert desk.items() == 1
    assert "the keyring" not in desk.log_in(sandbox, "--file")
    assert sandbox.token in desk.config.read_text() and desk.items() == 0


def test_a_new_login_leaves_nothing_of_the_old(sandboxes, desk):
    desk.start()
    first, second = sandboxes(), sandboxes()
    desk.log_in(first, "--file")
    desk.log_in(first)
    assert first.token not in desk.config.read_text()
    desk.log_in(second)
    assert desk.config.read_text() == f"[work]\nhost = {second.url}\n" and desk.items() == 1


@pytest.fixture
def unwritable():
    """unwritable(folder): no file in it can be written until the test ends, not by root either."""
    made = []

    def make(folder):
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        made.append(folder)
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)

    yield make
    for folder in made:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a folder read-only")
def test_a_login_that_cannot_be_written_down_takes_nothing_away(sandboxes, desk, place, unwritable):
    desk.start()
    first, second = sandboxes(), sandboxes()
    desk.log_in(first, "--keyring")
    before = desk.config.read_text()
    unwritable(desk.config.parent)
    answer = desk.run("login", "--keyring", "work", given=f"{second.url}\n{second.token}\n")
    assert answer.returncode and "cannot be written" in answer.stderr, answer.stderr
    assert desk.config.read_text() == before
    answer = desk.run("work", place)
    assert answer.returncode == 0, answer.stderr


def test_a_token_of_the_keyring_goes_to_its_host_alone(sandboxes, desk, place):
    ours, theirs = sandboxes(), sandboxes()
    desk.start()
    desk.log_in(ours)
    answer = desk.run("work", place, QUALTRICS_BASE_URL=theirs.url)
    assert answer.returncode == 0 and theirs.count() == 0
    desk.run("umount", place)
    desk.config.write_text(f"[work]\nhost = {theirs.url}\n")
    answer = desk.run("work", place)
    assert answer.returncode == 1 and "has none for it" in answer.stderr and "qxfs login work" in answer.stderr
    assert theirs.count() == 0


def sentence(answer):
    (line,) = answer.stderr.splitlines()
    return line


@pytest.mark.parametrize("client", [False, True])
def test_a_locked_keyring_is_told(client, sandbox, desk, place):
    desk.start()
    ident, secret = sandbox.client()
    if client:
        desk.run("login", "--oauth", "work", given=f"{sandbox.url}\n{ident}\n{secret}\n")
    else:
        desk.log_in(sandbox)
    desk.lock()
    sandbox.reset_stats()
    answer = desk.run("work", place)
    kind = "OAuth client secret" if client else "API token"
    assert answer.returncode == 1 and f"there is no {kind}" in sentence(answer)
    assert "the keyring is locked" in answer.stderr and "Unlock it" in answer.stderr and sandbox.count() == 0


def test_login_does_not_wait_for_a_locked_keyring(sandbox, desk):
    desk.start().lock()
    assert "the keyring is locked: it will be kept in a file" in desk.log_in(sandbox)
    assert sandbox.token in desk.config.read_text()
    answer = desk.run("login", "--keyring", "work", given=f"{sandbox.url}\n{sandbox.token}\n")
    assert answer.returncode == 1 and "locked" in sentence(answer) and "qxfs login --file" in answer.stderr


@pytest.mark.parametrize("bus", [False, True])
def test_without_a_keyring_the_file_is_taken_and_a_mount_says_what_is_missing(bus, sandbox, desk, place):
    if bus:  # which may start a service, but that has no keyring, and nobody is asked to make one
        desk.start(keyring=False)
    desk.log_in(sandbox)
    assert sandbox.token in desk.config.read_text()
    desk.config.write_text(f"[work]\nhost = {sandbox.url}\n")
    answer = desk.run("work", place)
    assert answer.returncode == 1 and "no keyring answers here" in sentence(answer)
    assert "qxfs login --file work" in answer.stderr
    answer = desk.run("login", "--keyring", "work", given=f"{sandbox.url}\n{sandbox.token}\n")
    assert answer.returncode == 1 and "no keyring answers here" in sentence(answer)


def test_a_hostile_bus_is_not_waited_for_by_the_mount_itself(sandbox, desk, place):
    """The library stays in a process of its own: the mount has neither its threads nor the bus."""
    desk.start()
    desk.log_in(sandbox)
    assert desk.run("work", place).returncode == 0
    pid = int((place / ".qxfs" / "status.json").read_text().split('"pid":')[1].split(",")[0])
    names = {path.read_text().strip() for path in pathlib.Path(f"/proc/{pid}/task").glob("*/comm")}
    assert "gdbus" not in names and "gmain" not in names, names
    sockets = [os.readlink(path) for path in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
    bus = [line.split() for line in pathlib.Path("/proc/net/unix").read_text().splitlines()
           if desk.env["DBUS_SESSION_BUS_ADDRESS"].split("path=")[-1].split(",")[0] in line]
    assert not {f"socket:[{words[6]}]" for words in bus} & set(sockets)


def test_one_of_both_places(desk):
    answer = desk.run("login", "--file", "--keyring", "work")
    assert answer.returncode == 1 and "one of --keyring and --file" in answer.stderr
