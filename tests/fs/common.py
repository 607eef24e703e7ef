"""What several files of tests ask of a mount, a process or a call."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
QXFS = pathlib.Path(os.environ.get("QXFS", ROOT / "build" / "qxfs"))
WRONG = "wrongTokenwrongTokenwrongTokenwrongToken"
CHECK, START, PROGRESS, FILE = "survey", "export_start", "export_progress", "export_file"
REQUESTS, JOBS = 30, 15  # at once, of an account
SANITIZED = QXFS.exists() and any(word in QXFS.read_bytes() for word in (b"__asan_init", b"__tsan_init"))


def responses(mount, survey):
    return mount.path / "surveys" / survey / "responses.csv"


def read_all(path):
    with open(path, "rb") as file:
        return file.read()


def exact(sandbox, survey):
    """What a crowd's opener tells of a survey's file that is right in every byte."""
    told = sandbox.entry_sha256(survey)
    return (0, told["size"], told["sha256"])


def error_of(function, *arguments, **options):
    """The errno of a call that must fail."""
    with pytest.raises(OSError) as caught:
        function(*arguments, **options)
    return caught.value.errno


def peak_of(pid):
    """VmHWM, in bytes."""
    (line,) = [line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if "VmHWM" in line]
    return int(line.split()[1]) * 1024


def tokens_for(winner, order, good):
    """Whoever comes behind the winner holds a token that is no good; whoever comes before it holds none."""
    return {name: good if name == winner else WRONG for name in order[order.index(winner):]}


def outside_profile(folder, file=None, variable=None):
    """(words, environment) that give these tokens by -o token_file= and by the variable."""
    words, env = [], {}
    if file:
        (folder / "token").write_text(file)
        (folder / "token").chmod(0o600)
        words = ["-o", f"token_file={folder}/token"]
    if variable:
        env = {"QUALTRICS_API_TOKEN": variable}
    return words, env
