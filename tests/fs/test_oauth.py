"""A mount by an OAuth client (DESIGN.md 6, API.md 1.3): bearers are minted, renewed, and refused."""

import json
import os
import subprocess
import time

import pytest

from common import QXFS, error_of, read_all

SMALL = "SV_demoSmall000014"
WHOAMI = "whoami.json"


@pytest.fixture
def oauth(mounts, tmp_path):
    """A factory: oauth(account) is a mount of its OAuth client's profile."""

    def make(account, *options, scope=None, start=True, client=None, **more):
        ident, secret = client or account.client()
        folder = tmp_path / "config" / "qxfs"
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "config"
        config.write_text(f"[default]\nhost = {account.url}\nclient_id = {ident}\nclient_secret = {secret}\n"
                          + (f"scope = {scope}\n" if scope else ""))
        config.chmod(0o600)
        env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "QUALTRICS_API_TOKEN": ""}
        mount = mounts(account, *options, start=False, env=env, **more)
        mount.token = secret  # never in the log: the fixture looks
        return mount.start() if start else mount

    return make


def refused(account):
    return [entry for entry in account.requests() if entry["status"] == 401]


def test_a_client_reads_what_its_token_would(sandbox, mounts, oauth):
    by_client = oauth(sandbox, name="c")
    assert {name.lower() for entry in sandbox.requests("whoami") for name in entry["headers"]} & {
        "authorization", "x-api-token"} == {"authorization"}
    text = read_all(by_client.path / "surveys" / SMALL / "responses.csv")
    assert sandbox.count("oauth_token") == 1 and not refused(sandbox)
    by_token = mounts(sandbox, name="t")
    assert by_token.status()["account"] == by_client.status()["account"]
    assert read_all(by_token.path / "surveys" / SMALL / "responses.csv") == text
    assert sandbox.count("export_start") == 1  # one cache


def test_the_scope_of_the_profile_is_asked_for(sandboxes, oauth):
    account = sandboxes(settings={"scope_required": True})
    mount = oauth(account, scope="manage:all read:surveys")
    (mint,) = account.requests("oauth_token")
    assert "scope=manage%3Aall%20read%3Asurveys" in mint["body"]
    assert (mount.path / WHOAMI).exists()


def test_an_expired_bearer_is_replaced_while_files_open(sandbox, oauth, crowds):
    mount = oauth(sandbox, "fresh=0")
    read_all(mount.path / WHOAMI)
    sandbox.wait_idle()
    sandbox.expire_bearers()
    sandbox.reset_stats()
    sandbox.hold("oauth_token")
    surveys = [mount.path / "surveys" / name / "survey.json" for name in sandbox.info()["surveys"]]
    openers = crowds(surveys, 12)
    assert sandbox.wait_held("oauth_token")
    sandbox.release()
    assert [code for _, code, *_ in openers.answers()] == [0] * 12
    assert sandbox.count("oauth_token") == 1 and refused(sandbox)


def test_a_bearer_is_renewed_before_its_end(sandboxes, oauth):
    """Three lives long something is asked for, and nothing is refused."""
    account = sandboxes(settings={"bearer_lifetime": 3})
    mount = oauth(account, "fresh=0")
    end = time.monotonic() + 9
    while time.monotonic() < end:
        read_all(mount.path / WHOAMI)
        time.sleep(0.05)
    assert account.count("oauth_token") >= 3 and not refused(account)
    assert account.count("whoami") > 20


def test_a_mint_that_fails_for_a_while_only_delays(sandbox, oauth):
    sandbox.fault("oauth_token", "status", start=1, end=2, status=503)
    mount = oauth(sandbox)
    assert read_all(mount.path / WHOAMI) and sandbox.count("oauth_token") == 3


def test_a_revoked_client_ends_access_to_the_cached_too(sandbox, oauth, until):
    mount = oauth(sandbox, "fresh=0")
    file = mount.path / "surveys" / SMALL / "survey.json"
    assert read_all(file)
    sandbox.renew_client()
    sandbox.reset_stats()
    assert error_of(read_all, file) == 13
    assert error_of(read_all, file) == 13
    assert sandbox.count("oauth_token") == 1  # one, not one for each open
    assert "the OAuth client is refused" in (mount.path / "STATUS.txt").read_text()
    why = mount.run("why", file).stdout
    assert "OAuth client" in why and "OAuth Client Manager" in why and "qxfs login" in why
    check = mount.run("status", "--check", mount.path)
    assert check.returncode == 2 and "the OAuth client is refused" in check.stdout


@pytest.mark.parametrize(("knobs", "said"), [
    ({"oauth_elsewhere": True}, ["the account may live in another data centre", "names the data centre"]),
    ({"scope_required": True}, ["refused the OAuth client", "invalid_scope", "OAuth Client Manager"]),
])
def test_what_refuses_a_client_is_told_in_a_sentence(knobs, said, sandboxes, oauth):
    account = sandboxes(settings=knobs)
    mount = oauth(account, start=False)
    mount.spawn()
    assert mount.process.wait(30) == 1
    mount.process = None
    (line,) = [line for line in mount.text_of_log().splitlines() if line.startswith("qxfs: ")]
    assert all(words in line for words in said), line
    assert account.count("oauth_token") == 1


def test_a_wrong_secret_is_refused_once(sandbox, oauth):
    mount = oauth(sandbox, client=(sandbox.client()[0], "wrongSecretwrongSecret"), start=False)
    mount.spawn()
    assert mount.process.wait(30) == 1
    mount.process = None
    assert "refused the OAuth client" in mount.text_of_log()
    assert sandbox.count("oauth_token") == 1 and sandbox.count("whoami") == 0


def test_a_known_client_mounts_without_a_network(sandbox, oauth):
    oauth(sandbox).stop()
    sandbox.pause("refuse")
    mount = oauth(sandbox, name="n")
    assert SMALL in os.listdir(mount.path / "surveys")
    sandbox.resume()


def test_bearers_are_kept_nowhere(sandbox, oauth):
    mount = oauth(sandbox, "fresh=0", flag="-d")
    read_all(mount.path / "surveys" / SMALL / "responses.csv")
    bearer, secret = sandbox.bearers()[0], sandbox.client()[1]
    mount.run("status", "--json", mount.path)
    texts = [mount.text_of_log()] + [path.read_text("latin-1") for folder in (mount.cache, mount.state)
                                     for path in folder.rglob("*") if path.is_file()]
    assert len(texts) > 5 and not [text for text in texts if bearer in text or secret in text]
    assert json.loads((mount.path / ".qxfs" / "status.json").read_text())["oauth"] is True


def test_the_help_names_it():
    assert "--oauth" in subprocess.run([QXFS, "--help"], capture_output=True, text=True, check=True).stdout
