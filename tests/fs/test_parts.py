"""-o only= and hide=: a mount shows a part of the account (for shared servers)."""

import errno
import os

import pytest

from common import error_of

SMALL, STAFF, CUSTOMERS = "SV_demoSmall000014", "SV_demoStaff000201", "SV_demoCustomers02"


def test_only_these_surveys_exist(sandbox, mounts):
    mount = mounts(sandbox, f"only={SMALL}:{STAFF}")
    surveys = mount.path / "surveys"
    assert {name for name in os.listdir(surveys) if name.startswith("SV_")} == {SMALL, STAFF}
    assert {os.readlink(surveys / "by-name" / name) for name in os.listdir(surveys / "by-name")} == {f"../{SMALL}", f"../{STAFF}"}
    assert len(os.listdir(mount.path / "excel")) == 2
    told = (surveys / "index.csv").read_text()
    assert SMALL in told and STAFF in told and CUSTOMERS not in told
    assert (surveys / SMALL / "responses.csv").read_bytes() == sandbox.entry(SMALL)
    before = sandbox.count()
    for name in (CUSTOMERS, "SV_demoSmall00001", "SV_demoSmall0000140", "SV_nobodyKnowsThis"):
        assert error_of(os.stat, surveys / name) == errno.ENOENT
        assert error_of(os.listdir, surveys / name) == errno.ENOENT
    assert error_of(os.stat, surveys / "by-name" / "Customer satisfaction 2026") == errno.ENOENT
    assert sandbox.count() == before, "nobody is asked for what does not exist here"


def test_names_are_the_same_as_in_a_mount_of_all(sandbox, mounts):
    whole = mounts(sandbox, name="all")
    part = mounts(sandbox, f"only={STAFF}", name="part")
    (name,) = os.listdir(part.path / "surveys" / "by-name")
    assert os.readlink(whole.path / "surveys" / "by-name" / name) == f"../{STAFF}"


@pytest.mark.parametrize(("option", "gone"), [
    ("hide=directory", {"directory", "directories"}), ("hide=mailinglists", {"mailinglists"}), ("hide=excel", {"excel"}),
    ("hide=directory:mailinglists:excel", {"directory", "directories", "mailinglists", "excel"})])
def test_what_is_hidden_does_not_exist(option, gone, sandbox, mounts):
    mount = mounts(sandbox, option)
    assert not gone & set(os.listdir(mount.path))
    assert {"directory", "directories", "mailinglists", "excel"} - gone <= set(os.listdir(mount.path))
    for name in gone:
        assert error_of(os.lstat, mount.path / name) == errno.ENOENT
    if "directory" in gone:
        assert error_of(os.listdir, mount.path / "directories" / "POOL_demoMain0000001") == errno.ENOENT


def test_a_mount_without_import_folders(sandbox, mounts):
    mount = mounts(sandbox, "hide=imports")
    folder = mount.path / "mailinglists" / "CG_demoEmpty0000004"
    assert not {"import", "check"} & set(os.listdir(folder))
    with pytest.raises(OSError):
        (folder / "import" / "a.csv").write_text("email\na@example.org\n")
    assert sandbox.count("contact_import") == 0


@pytest.mark.parametrize(("option", "said"), [
    ("only=CG_x", "ids of surveys"), ("only=", "ids of surveys"), ("only=SV_a:", None), ("only=SV_a;SV_b", "ids of surveys"),
    ("hide=nothing", "directory, mailinglists"), ("hide=", "directory, mailinglists"), ("hide=excel:", "directory, mailinglists")])
def test_what_is_no_part_is_refused(option, said, sandbox, mounts):
    mount = mounts(sandbox, option, start=False)
    answer = mount.run("-o", option + ",fresh=x", mount.path)  # refused in any case: nothing is mounted
    assert answer.returncode == 1
    assert (said or "fresh=x") in answer.stderr
