"""What the program says when something is wrong names the thing, the cause and the remedy, in one sentence or two."""

import os
import re
import subprocess

import pytest

from common import QXFS

NO_TOKEN = {"QUALTRICS_API_TOKEN": "", "QUALTRICS_API_KEY": ""}


@pytest.fixture
def said(sandbox, mounts, tmp_path):
    """said(words, env, config): what qxfs says of them, where nothing is mounted."""
    mount = mounts(sandbox, start=False)
    mount.path.mkdir()

    def run(words, env=None, config=None):
        if config is not None:
            path = tmp_path / ".config" / "qxfs" / "config"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(config.replace("HOST", mount.url))
            path.chmod(0o600)
        mount.extra_env = env or {}
        words = [word.replace("HERE", str(tmp_path)) for word in words]
        done = subprocess.run([QXFS, *words], env=mount.env(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode in (1, 32) and done.stdout == "", done
        (line,) = done.stderr.splitlines()
        assert line.startswith("qxfs: ") and mount.token not in line
        return line

    return run


CASES = {
    "a token file that is not there": (["-o", "token_file=HERE/none", "HERE/m"], {}, None,
                                       "the token file .*/none cannot be read: No such file or directory; token_file= names a file of yours"),
    "a token file that is none": (["-o", "token_file=HERE", "HERE/m"], {}, None, "is not a file|token_file="),
    "two tokens": (["work", "HERE/m"], NO_TOKEN, "[work]\nhost = HOST\ntoken = a\ntoken_file = /b\n",
                   r"\[work\] has more than one of .*; keep one of them"),
    "a token command that fails": (["work", "HERE/m"], NO_TOKEN, "[work]\nhost = HOST\ntoken_command = exit 3\n",
                                   "token_command has failed with status 3. Run it in a shell"),
    "a token command that is killed": (["work", "HERE/m"], NO_TOKEN, "[work]\nhost = HOST\ntoken_command = kill -9 $$\n",
                                       "was ended by signal 9. Run it in a shell"),
    "a mount point that is a file": (["HERE/.config/qxfs/config"], {}, "[work]\n",
                                     "is not a folder; choose an empty folder of your own"),
    "the root as a mount point": (["/"], {}, None, "cannot be the root of the machine; choose an empty folder"),
    "a mount point below a file": (["HERE/.config/qxfs/config/m"], {}, "[work]\n",
                                   "cannot be reached: Not a directory; choose an empty folder"),
    "umount of what is none": (["umount", "HERE"], {}, None, "is not a qxfs mount; 'qxfs status' lists"),
    "why outside": (["why", "HERE"], {}, None, "lies in no qxfs mount; 'qxfs status' lists"),
    "an audit that cannot be written": (["-o", "audit=HERE/none/a", "HERE/m"], {}, None,
                                        "audit=.*/none/a cannot be written: .*. audit= names a file|audit= names"),
    "an option that is none": (["-o", "fesh=1", "HERE/m"], {}, None, "did you mean 'fresh'"),
    "a value that is none": (["-o", "fresh=x", "HERE/m"], {}, None, "is wanted"),
    "a value out of range": (["-o", "share=7", "HERE/m"], {}, None, "it may be|is wanted"),
    "a profile that is none": (["nosuch", "HERE/m"], {}, "[work]\n", "no profile 'nosuch' .*; .*qxfs login nosuch"),
    "a line that is none": (["work", "HERE/m"], {}, "what\n", "line 1 is not understood; it wants lines like"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_says_what_and_why_and_what_to_do(said, case):
    words, env, config, wanted = CASES[case]
    line = said(words, env, config)
    assert re.search(wanted, line), line


def test_a_config_that_cannot_be_read(said, tmp_path):
    (tmp_path / ".config" / "qxfs" / "config").mkdir(parents=True)
    line = said([str(tmp_path / "m")])
    assert re.search("config (cannot be read|is not a file)", line), line


def test_a_profile_without_a_home(sandbox, tmp_path):
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")}
    folder = tmp_path / "config"
    folder.write_text("no folder")
    done = subprocess.run([QXFS, "login"], input=f"{sandbox.url}\n{sandbox.token}\n", capture_output=True, text=True, check=False,
                          env={**env, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(folder)}, timeout=60)
    assert done.returncode == 1 and sandbox.token not in done.stderr
    assert "config" in done.stderr and re.search("; |\\. [A-Z]", done.stderr), done.stderr
