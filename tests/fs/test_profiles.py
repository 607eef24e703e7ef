"""Accounts that a person has named in ~/.config/qxfs/config, and which credentials win (DESIGN.md 6)."""

import json
import os
import pathlib
import subprocess

import pytest

from common import QXFS, WRONG, outside_profile, tokens_for

SMALL = "SV_demoSmall000014"


@pytest.fixture
def home(tmp_path):
    """A person without QUALTRICS_… variables; home(text, mode) writes his profiles."""
    made = []

    class Home:
        path = tmp_path / "home"
        env = {key: value for key, value in os.environ.items() if not key.startswith(("QUALTRICS_", "XDG_", "DBUS_"))}

        def config(self, text, mode=0o600):
            folder = self.path / ".config" / "qxfs"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "config").write_text(text)
            (folder / "config").chmod(mode)
            return folder / "config"

        def qxfs(self, *words, **env):
            answer = subprocess.run([QXFS, *map(str, words)], env={**self.env, **env}, capture_output=True, text=True, check=False)
            made.append(words[-1])
            return answer

    Home.path.mkdir()
    Home.env["HOME"] = str(Home.path)
    yield Home()
    for place in made:
        subprocess.run([QXFS, "umount", str(place)], env=Home.env, capture_output=True, check=False)


@pytest.fixture
def place(tmp_path):
    (tmp_path / "m").mkdir()
    return tmp_path / "m"


def is_mounted(place):
    return os.path.ismount(place) and (place / "surveys" / SMALL).exists()


def profile(sandbox, **settings):
    given = {"host": sandbox.url, "token": sandbox.token, **settings}
    return "[work]\n" + "".join(f"{key} = {value}\n" for key, value in given.items() if value is not None)


def test_a_profile_names_host_and_token(sandbox, home, place):
    home.config("; accounts\n[other]\nhost = nowhere.invalid\n\n" + profile(sandbox))
    answer = home.qxfs("work", place)
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr
    assert is_mounted(place)


def test_the_default_profile_is_taken_without_a_name(sandbox, home, place):
    home.config(profile(sandbox).replace("[work]", "[default]"))
    assert home.qxfs(place).returncode == 0 and is_mounted(place)


def test_options_of_a_profile_come_before_those_of_the_command(sandbox, home, place):
    home.config(profile(sandbox, options="csv_bom,umask=077"))
    assert home.qxfs("-o", "umask=027", "work", place).returncode == 0
    assert (place / "README.txt").stat().st_mode & 0o777 == 0o440
    assert (place / "surveys" / "index.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("setting", ["token_file", "token_command"])
def test_a_token_from_elsewhere(setting, sandbox, home, place, tmp_path):
    file = tmp_path / "token"
    file.write_text(sandbox.token + "\nsecond line\n" if setting == "token_command" else sandbox.token)
    file.chmod(0o600)
    value = file if setting == "token_file" else f"cat '{file}' && echo more"
    home.config(profile(sandbox, token=None, **{setting: value}))
    answer = home.qxfs("work", place)
    assert answer.returncode == 0, answer.stderr
    assert is_mounted(place)


@pytest.mark.parametrize("winner", ["file", "environment", "profile"])
def test_the_first_found_wins(winner, sandbox, home, place, tmp_path):
    """-o token_file, then the environment, then the profile; the losers hold a wrong one."""
    tokens = tokens_for(winner, ["file", "environment", "profile"], sandbox.token)
    home.config(profile(sandbox, token=tokens["profile"]))
    words, env = outside_profile(tmp_path, tokens.get("file"), tokens.get("environment"))
    answer = home.qxfs(*words, "work", place, **env)
    assert answer.returncode == 0, answer.stderr
    assert is_mounted(place)


def test_a_profiles_token_goes_to_no_other_host(sandboxes, home, place):
    ours, theirs = sandboxes(), sandboxes()
    home.config(profile(ours))
    answer = home.qxfs("work", place, QUALTRICS_BASE_URL=theirs.url)
    assert answer.returncode == 0, answer.stderr
    assert theirs.count() == 0 and ours.count() > 0
    home.config(profile(ours, host=None))
    place.with_name("n").mkdir()
    answer = home.qxfs("work", place.with_name("n"), QUALTRICS_BASE_URL=theirs.url)
    assert answer.returncode == 1 and "no host" in answer.stderr and theirs.count() == 0


@pytest.mark.parametrize(("text", "said"), [
    ("[work]\nhost = fra1.qualtrics.com\n", "no API token"),
    ("[other]\nhost = x\n", "no profile 'work'"),
    ("[work]\nhots = x\n", "no setting 'hots'"),
    ("[work]\ntoken = a\ntoken_file = b\nhost = fra1.qualtrics.com\n", "more than one of"),
    ("[work]\nhost = fra1.qualtrics.com\ntoken = a\nclient_id = b\nclient_secret = c\n", "more than one of"),
    ("[work]\nhost = fra1.qualtrics.com\nclient_secret = xxxx\n", "has client_secret, but no client_id"),
    ("[work]\nhost = fra1.qualtrics.com\nscope = manage:all\n", "has scope, but no client_id"),
    ("[work]\nclient_id = b\nclient_secret = c\n", "a client_id and no host"),
    ("[work]\nhost = fra1.qualtrics.com\nclient_id = b:c\nclient_secret = xxxx\n", "has a ':'"),
    ("[work\n", "line 1"),
    ("[work]\ntoken = " + "x" * 200 + "\n", "longer than"),
    ("[work]\nhost = fra1.qualtrics.com\ntoken = x\noptions = fersh=3\n", "did you mean 'fresh'"),
    ("[work]\nhost = fra1.qualtrics.com\ntoken_command = exit 7\n", "status 7"),
    ("[work]\nhost = fra1.qualtrics.com\ntoken_command = true\n", "no API token"),
])
def test_what_is_wrong_with_a_profile_is_told(text, said, home, place):
    home.config(text)
    answer = home.qxfs("work", place)
    assert answer.returncode == 1 and said in answer.stderr, answer.stderr
    assert "xxxx" not in answer.stderr


def test_a_file_that_others_can_read_is_refused_with_the_command_that_mends_it(sandbox, home, place):
    file = home.config(profile(sandbox), mode=0o644)
    answer = home.qxfs("work", place)
    assert answer.returncode == 1 and f"chmod 600 {file}" in answer.stderr
    assert sandbox.count() == 0 and sandbox.token not in answer.stderr


def test_without_profiles_a_name_is_none(home, place):
    answer = home.qxfs("work", place)
    assert answer.returncode == 1 and "no profile 'work'" in answer.stderr


@pytest.mark.parametrize("source", ["command", "environment", "login"])
def test_the_token_is_nowhere(source, sandbox, home, place, tmp_path):
    """Not in the daemon's command line or environment, not in a child's, not in what it writes or tells."""
    env, given, seen = {}, "", tmp_path / "env"
    if source == "command":
        (tmp_path / "vault").write_text(sandbox.token)
        home.config(profile(sandbox, token=None, token_command="cd; cd ..; env >env; cat vault"))
    elif source == "environment":
        home.config(profile(sandbox, token=WRONG))
        env = {"QUALTRICS_API_TOKEN": sandbox.token, "QUALTRICS_API_KEY": sandbox.token}
    else:
        given = subprocess.run([QXFS, "login", "work"], input=f"{sandbox.url}\n{sandbox.token}\n", env=home.env,
                               capture_output=True, text=True, check=True).stderr
    answer = home.qxfs("work", place, **env)
    assert answer.returncode == 0, answer.stderr
    assert (place / "surveys" / SMALL / "survey.json").read_bytes()
    pid = json.loads((place / ".qxfs" / "status.json").read_text())["pid"]
    shown = [given, answer.stdout, answer.stderr] + ([seen.read_text()] if source == "command" else [])
    shown += [pathlib.Path(f"/proc/{pid}/{name}").read_text() for name in ("cmdline", "environ")]
    assert str(place) in shown[-2] and "HOME=" in shown[-1]
    shown += [(place / ".qxfs" / name).read_text() for name in ("errors", "status.json", "jobs", "limits.json")]
    before = len(shown)
    for folder in (".cache", ".local"):
        shown += [path.read_text("latin-1") for path in (home.path / folder).rglob("*") if path.is_file()]
    assert all(sandbox.token not in text for text in shown) and len(shown) > before + 2
