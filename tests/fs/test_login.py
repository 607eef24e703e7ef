"""qxfs login (DESIGN.md 6): host and token are asked for, checked, and kept as a profile that is its owner's alone."""

import os
import pty
import re
import select
import signal

import pytest

from common import QXFS, WRONG
from desk import Person

ANSWER_S = 30


class Terminal:
    """The program on a terminal of its own, as a person sees it."""

    def __init__(self, env, *words):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(QXFS, [str(QXFS), *words], env)
        self.text = ""

    def read(self):
        """More of what it shows; False at its end."""
        assert select.select([self.fd], [], [], ANSWER_S)[0], f"it says no more than {self.text!r}"
        try:
            piece = os.read(self.fd, 4096)
        except OSError:  # EIO: the last one has left the terminal
            piece = b""
        self.text += piece.decode()
        return bool(piece)

    def until(self, words):
        while words not in self.text:
            assert self.read(), f"it has ended: {self.text!r}"

    def type(self, line):
        os.write(self.fd, (line + "\n").encode())

    def end(self):
        """(status, all that was shown)"""
        while self.read():
            pass
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        self.pid = 0
        return os.waitstatus_to_exitcode(status), self.text


class AtTerminal(Person):
    """Who types what is asked for."""

    def __init__(self, folder):
        super().__init__(folder)
        self.terminals = []

    def on_terminal(self, *words, **env):
        self.terminals.append(Terminal({**self.env, **env}, *map(str, words)))
        return self.terminals[-1]

    def log_in(self, host, token, *words, **env):
        """On a terminal, as a person does it."""
        terminal = self.on_terminal("login", *words, **env)
        terminal.until("Data centre")
        terminal.type(host)
        terminal.until("API token")
        terminal.type(token)
        return terminal.end()

    def mount_once(self, place):
        """What is kept in the profile is good."""
        place.mkdir()
        try:
            answer = self.run("work", place)
            assert answer.returncode == 0 and os.path.ismount(place), answer.stderr
        finally:
            self.run("umount", place)

    def leave(self):
        for terminal in self.terminals:
            if terminal.pid:
                os.kill(terminal.pid, signal.SIGKILL)
                os.waitpid(terminal.pid, 0)


@pytest.fixture
def person(tmp_path):
    made = AtTerminal(tmp_path)
    yield made
    made.leave()


def test_a_person_logs_in_and_mounts(sandbox, person, tmp_path):
    status, shown = person.log_in(sandbox.url, sandbox.token, "work")
    assert status == 0, shown
    assert "Account Settings > Qualtrics IDs" in shown and "qxfs work ~/qualtrics" in shown
    assert person.config.stat().st_mode & 0o777 == 0o600
    assert person.config.parent.stat().st_mode & 0o777 == 0o700
    assert person.config.read_text() == f"[work]\nhost = {sandbox.url}\ntoken = {sandbox.token}\n"
    person.mount_once(tmp_path / "m")


def test_the_token_is_never_shown(sandbox, person):
    """Not echoed, not repeated, in no command line, and not among what the program remembers."""
    terminal = person.on_terminal("login", "work")
    terminal.until("Data centre")
    terminal.type(sandbox.url)
    terminal.until("API token")
    terminal.type(sandbox.token)
    terminal.until("kept in")
    status, shown = terminal.end()
    assert status == 0 and sandbox.token not in shown and sandbox.url in shown
    left = [path for path in person.home.rglob("*") if path.is_file() and sandbox.token in path.read_text("latin-1")]
    assert left == [person.config]


def test_a_person_logs_in_with_an_oauth_client(sandbox, person, tmp_path):
    ident, secret = sandbox.client()
    terminal = person.on_terminal("login", "--oauth", "work")
    terminal.until("Data centre")
    terminal.type(sandbox.url)
    terminal.until("client id")
    terminal.type(ident)
    terminal.until("secret (not shown)")
    terminal.type(secret)
    terminal.until("Scopes")
    terminal.type("manage:all")
    status, shown = terminal.end()
    assert status == 0 and secret not in shown and "OAuth Client Manager" in shown, shown
    assert person.config.read_text() == (f"[work]\nhost = {sandbox.url}\nclient_id = {ident}\n"
                                         f"client_secret = {secret}\nscope = manage:all\n")
    (mint,) = sandbox.requests("oauth_token")
    assert "scope=manage%3Aall" in mint["body"] and sandbox.bearers()[0] not in person.config.read_text()
    person.mount_once(tmp_path / "m")


@pytest.mark.parametrize("scope", ["", "\n", "\nread:surveys read:users\n"])
def test_a_script_gives_a_client_in_lines(scope, sandbox, person):
    ident, secret = sandbox.client()
    person.write(f"[work]\nhost = {sandbox.url}\ntoken = {WRONG}\noptions = csv_bom\n")
    answer = person.run("login", "--oauth", "work", given=f"{sandbox.url}\n{ident}\n{secret}{scope}")
    assert answer.returncode == 0 and secret not in answer.stderr, answer.stderr
    kept = f"[work]\nhost = {sandbox.url}\nclient_id = {ident}\nclient_secret = {secret}\n"
    if scope.strip():
        kept += f"scope = {scope.strip()}\n"
    assert person.config.read_text() == kept + "options = csv_bom\n"
    answer = person.run("login", "work", given=f"{sandbox.url}\n{sandbox.token}\n")
    assert answer.returncode == 0 and secret not in person.config.read_text()


def test_a_client_that_is_refused_is_not_kept(sandbox, person):
    answer = person.run("login", "--oauth", given=f"{sandbox.url}\n{sandbox.client()[0]}\n{WRONG}\n")
    assert answer.returncode == 1 and "refused the OAuth client" in answer.stderr and WRONG not in answer.stderr
    assert not person.config.exists()


def test_a_client_of_another_data_centre_is_told(sandboxes, person):
    account = sandboxes(settings={"oauth_elsewhere": True})
    ident, secret = account.client()
    answer = person.run("login", "--oauth", given=f"{account.url}\n{ident}\n{secret}\n")
    assert answer.returncode == 1 and "may live in another data centre" in answer.stderr
    assert account.count("oauth_token") == 1 and not person.config.exists()


@pytest.mark.parametrize("words", [["--token", WRONG], ["--oauth=" + WRONG]])
def test_a_flag_that_is_none_is_refused_and_not_repeated(words, sandbox, person):
    answer = person.run("login", *words, given=f"{sandbox.url}\n{sandbox.token}\n")
    assert answer.returncode == 1 and "--oauth" in answer.stderr and WRONG not in answer.stderr
    assert sandbox.count() == 0


@pytest.mark.parametrize("words", [[WRONG], ["work", WRONG]])
def test_a_token_in_the_command_is_refused_and_not_repeated(words, sandbox, person):
    answer = person.run("login", *words, given=f"{sandbox.url}\n{sandbox.token}\n")
    assert answer.returncode == 1 and "profile" in answer.stderr
    assert WRONG not in answer.stderr and sandbox.count() == 0


def test_a_token_given_for_the_host_is_not_looked_up(person):
    answer = person.run("login", given=f"{WRONG}\n{WRONG}\n")
    assert answer.returncode == 1 and "has a dot" in answer.stderr and WRONG not in answer.stderr


def test_without_a_terminal_two_lines_are_read(sandbox, person):
    answer = person.run("login", given=f" {sandbox.url} \r\n{sandbox.token}\r\n")
    assert answer.returncode == 0, answer.stderr
    assert person.config.read_text().startswith("[default]\n")
    assert "qxfs ~/qualtrics" in answer.stderr and sandbox.token not in answer.stderr + answer.stdout


def test_what_others_wrote_stays(sandbox, person):
    person.write("; mine\n[work]\nhost = old.invalid\n; a note\ntoken_file = /x\noptions = csv_bom\n\n"
                 "[other]\nhost = h.invalid\ntoken = t\n")
    status, shown = person.log_in(sandbox.url, sandbox.token, "work")
    assert status == 0 and "[old.invalid]" in shown, shown
    assert person.config.read_text() == (
        f"; mine\n[work]\nhost = {sandbox.url}\ntoken = {sandbox.token}\n; a note\noptions = csv_bom\n\n"
        "[other]\nhost = h.invalid\ntoken = t\n")


def test_enter_keeps_the_host(sandbox, person):
    person.write(f"[work]\nhost = {sandbox.url}\ntoken = {WRONG}")
    status, shown = person.log_in("", sandbox.token, "work")
    assert status == 0, shown
    assert person.config.read_text() == f"[work]\nhost = {sandbox.url}\ntoken = {sandbox.token}\n"


def test_a_setting_of_several_lines_goes_whole(sandbox, person):
    person.write("[work]\nhost = a.invalid\n  b.invalid\noptions = csv_bom\n")
    answer = person.run("login", "work", given=f"{sandbox.url}\n{sandbox.token}\n")
    assert answer.returncode == 0, answer.stderr
    assert person.config.read_text() == f"[work]\nhost = {sandbox.url}\ntoken = {sandbox.token}\noptions = csv_bom\n"


def test_what_cannot_be_changed_safely_is_left(sandbox, person):
    """Indented, it would go on with the token that login puts above it."""
    text = "[work]\n  options = csv_bom\n"
    person.write(text)
    answer = person.run("login", "work", given=f"{sandbox.url}\n{sandbox.token}\n")
    assert answer.returncode == 1 and "cannot be changed" in answer.stderr
    assert person.config.read_text() == text


def test_a_link_stays_one(sandbox, person, tmp_path):
    person.write("")
    elsewhere = tmp_path / "dotfiles"
    person.config.rename(elsewhere)
    person.config.symlink_to(elsewhere)
    answer = person.run("login", "work", given=f"{sandbox.url}\n{sandbox.token}\n")
    assert answer.returncode == 0, answer.stderr
    assert person.config.is_symlink() and sandbox.token in elsewhere.read_text()


def test_a_refused_token_is_not_kept(sandbox, person):
    before = f"[work]\nhost = {sandbox.url}\ntoken = {sandbox.token}\n"
    person.write(before)
    status, shown = person.log_in(sandbox.url, WRONG, "work")
    assert status == 1 and "refused" in shown and WRONG not in shown, shown
    assert person.config.read_text() == before


def test_an_unreachable_host_is_told(person):
    answer = person.run("login", given=f"http://127.0.0.1:9\n{WRONG}\n")
    assert answer.returncode == 32 and not person.config.exists(), answer.stderr


def test_a_file_that_others_can_read_is_refused_before_any_question(sandbox, person):
    person.write("[work]\n", mode=0o640)
    terminal = person.on_terminal("login", "work")
    status, shown = terminal.end()
    assert status == 1 and f"chmod 600 {person.config}" in shown and "Data centre" not in shown


def test_a_variable_that_wins_over_the_profile_is_told(sandbox, person):
    answer = person.run("login", given=f"{sandbox.url}\n{sandbox.token}\n", QUALTRICS_API_KEY=WRONG)
    assert answer.returncode == 0 and "unset QUALTRICS_API_KEY" in answer.stderr
    assert WRONG not in answer.stderr


@pytest.mark.parametrize("key", ["\x03", "\x1c"])
def test_the_terminal_is_loud_again_after_a_signal(key, sandbox, person):
    shell = Terminal.__new__(Terminal)
    shell.pid, shell.fd = pty.fork()
    if shell.pid == 0:
        script = 'trap : INT QUIT; "$1" login; echo "status $?"; stty -a'
        os.execve("/bin/sh", ["sh", "-c", script, "sh", str(QXFS)], person.env)
    shell.text = ""
    shell.until("Data centre")
    shell.type(sandbox.url)
    shell.until("API token")
    os.write(shell.fd, key.encode())
    _, shown = shell.end()
    assert re.search(r"status 1(30|31)\b", shown) and re.search(r"[^-]echo\b", shown), shown
    assert not person.config.exists()
