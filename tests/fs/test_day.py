"""What happens once a day though nobody opens anything: a token that was revoked is noticed (issue 6). The clock is
clock.c, so a day takes as long as a test says."""

import errno
import time

import pytest

from clock import NEEDED, Clock
from common import error_of, read_all

SMALL = "SV_demoSmall000014"
HOUR = 3600
pytestmark = NEEDED


@pytest.fixture
def day(mounts, tmp_path):
    """A factory: a mount with pass_hours(n)."""
    clock = Clock(tmp_path)

    def make(account, *options, **env):
        mount = mounts(account, *options, env={**clock.env, **env})
        mount.pass_hours = lambda hours: clock.go_on(hours * HOUR)
        account.wait_idle()
        account.reset_stats()
        return mount

    return make


def test_an_idle_day_costs_one_request(sandbox, day):
    mount = day(sandbox)
    for asked in (1, 2):
        mount.pass_hours(23)
        time.sleep(0.5)  # that nothing happens has no event
        assert sandbox.count("whoami") == asked - 1
        mount.pass_hours(2)
        assert sandbox.wait_for("whoami", asked)
    time.sleep(0.5)
    assert sandbox.stats()["counts"] == {"*": 2, "whoami": 2}


def test_a_day_with_a_success_costs_none(sandbox, day):
    mount = day(sandbox)
    mount.pass_hours(20)
    read_all(mount.path / "surveys" / SMALL / "survey.json")
    mount.pass_hours(20)
    time.sleep(0.5)
    assert sandbox.count("whoami") == 0
    mount.pass_hours(5)
    assert sandbox.wait_for("whoami", 1)


def test_a_revoked_token_is_noticed_within_a_day_and_told(sandbox, day, until):
    mount = day(sandbox, "fresh=0")  # the kernel keeps a name as long as its own clock says
    file = mount.path / "surveys" / SMALL / "survey.json"
    assert read_all(file)
    sandbox.wait_idle()
    sandbox.revoke_token()
    sandbox.reset_stats()
    assert mount.run("status", "--check", mount.path).returncode == 0
    mount.pass_hours(25)
    assert sandbox.wait_for("whoami", 1, answered=True)
    until(lambda: "the token is refused" in (mount.path / "STATUS.txt").read_text(), what="the word of it")
    check = mount.run("status", "--check", mount.path)
    assert check.returncode == 2 and "the token is refused" in check.stdout
    assert mount.status()["token_refused"] is True
    sandbox.reset_stats()
    assert error_of(read_all, file) == errno.EACCES
    assert "token" in mount.run("why", file).stdout
    mount.pass_hours(2)  # asked again, and not told again
    assert sandbox.wait_for("whoami", 1, answered=True)
    assert mount.text_of_log().count("the token was refused by") == 1
    sandbox.restore_token()
    mount.pass_hours(2)
    until(lambda: mount.status()["token_refused"] is False, what="the pardon")
    assert read_all(file)


def test_without_a_network_it_is_asked_each_hour(sandbox, day):
    mount = day(sandbox)
    sandbox.fault("whoami", "status", start=1, end=6, status=500)
    mount.pass_hours(25)
    assert sandbox.wait_for("whoami", 1)
    sandbox.wait_idle()
    for _ in range(8):
        mount.pass_hours(2)
        time.sleep(0.2)
    assert sandbox.wait_for("whoami", 7, answered=True)
    assert {entry["status"] for entry in sandbox.requests("whoami")} == {500, 200}
