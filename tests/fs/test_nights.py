"""Copies from cron, by the programs that people use for it: on two nights with responses added between they take exactly
what changed, and run again at once they take nothing. The folder is listed, or a pattern used, first;
what is new whenever it is asked for is left out: `*.unfinished.*`, now/, filters/, and STATUS.txt."""

import collections
import itertools
import os
import shutil
import subprocess

import pytest

from control import SLOW  # tests/sandbox/control.py

POOL = "POOL_demoMain0000001"
GROWS, STAYS = "SV_demoSmall000014", "SV_demoCustomers02"
OF_RESPONSES = {"responses.csv", "responses.json", "responses.sav", "responses.labels.csv", "responses.plain.csv",
                "responses.xlsx"}
EXPORTS = {"responses.csv": {}, "responses.labels.csv": {"useLabels": True}, "responses.json": {"format": "json"},
           "responses.sav": {"format": "spss"}}
FRESH = int(10 * max(SLOW / 2, 1))  # longer than two runs take

# Each is run in a folder of its own with $SURVEYS, and says what it took, a path each line: SV_x/NAME. $LAST is a file as
# old as the beginning of the run before this one, or of 1970.
PROGRAMS = {
    "rsync -a": """
        rsync -a --out-format=%n --exclude=STATUS.txt --exclude=now --exclude=filters --exclude='*.unfinished.*' \\
            $SURVEYS copy | grep -v '/$' || true""",
    "rsync of folders": """
        for survey in $SURVEYS; do
            for folder in $survey/dates/* $survey/with/*; do
                test -d $folder || continue
                rsync -a --relative --out-format=%n --exclude='*.unfinished.*' \
                    ${survey%/*}/./${folder#${survey%/*}/} copy | grep -v '/$' || true
            done
        done""",
    "cp -u": """
        for survey in $SURVEYS; do
            mkdir -p copy/${survey##*/}
            for file in $survey/*.*; do
                case $file in *.unfinished.*|*/STATUS.txt) continue;; esac
                test -f $file && cp -uv $file copy/${survey##*/}
            done
        done | sed "s/.* -> 'copy\\///; s/'$//" """,
    "make": """
        cat >Makefile <<'END'
all:
FILES := $(foreach survey,$(SURVEYS),$(wildcard $(survey)/*.csv $(survey)/*.json $(survey)/*.sav $(survey)/*.xlsx $(survey)/*.qsf))
FILES := $(filter-out %.unfinished.csv,$(FILES))
define one
WANTED += copy/$(notdir $(patsubst %/,%,$(dir $1)))/$(notdir $1)
copy/$(notdir $(patsubst %/,%,$(dir $1)))/$(notdir $1): $1
	@mkdir -p $$(@D); cp $$< $$@; echo $$(@:copy/%=%)
endef
$(foreach file,$(FILES),$(eval $(call one,$(file))))
all: $(WANTED)
END
        make -s""",
    "tar --newer": """
        for survey in $SURVEYS; do
            tar -C ${survey%/*} --exclude=STATUS.txt --exclude=now --exclude=filters --exclude='*.unfinished.*' \\
                --newer=$LAST -cf - ${survey##*/} | tar -C copy -xvf - | grep -v '/$' || true
        done""",
}


@pytest.fixture
def night(mounts, sandbox, tmp_path):
    """night(program): what it took."""
    mount = mounts(sandbox, f"fresh={FRESH}")
    work = tmp_path / "work"
    (work / "copy").mkdir(parents=True)
    stamps = [work / "never"]
    stamps[0].touch()
    os.utime(stamps[0], (0, 0))

    def run(program):
        stamps.append(work / f"run{len(stamps)}")
        stamps[-1].touch()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", PROGRAMS[program]], cwd=work, capture_output=True, text=True, check=False,
            env={**os.environ, "SURVEYS": " ".join(f"{mount.path}/surveys/{survey}" for survey in (GROWS, STAYS)),
                 "LAST": str(stamps[-2]), "LC_ALL": "C"}, timeout=60 * SLOW)
        assert (done.returncode, done.stderr) == (0, "")
        return set(done.stdout.splitlines())

    run.copy = work / "copy"
    run.mount = mount.path
    return run


def bytes_of(copy):
    return {str(path.relative_to(copy)): path.read_bytes() for path in copy.rglob("*") if path.is_file()}


def exported(sandbox):
    """The surveys of the exports since the last reset, one for each."""
    return [entry["path"].split("/surveys/")[1].split("/")[0] for entry in sandbox.requests("export_start")]


@pytest.mark.skipif(not all(map(shutil.which, ("rsync", "make", "tar"))), reason="needs rsync, make and tar")
@pytest.mark.parametrize("program", ["rsync -a", "cp -u", "make", "tar --newer"])
def test_two_nights_take_what_changed_and_nothing_else(sandbox, night, expire, program):
    everything = night(program)
    assert everything >= {f"{survey}/{name}" for survey in (GROWS, STAYS) for name in (*OF_RESPONSES, "survey.json", "survey.qsf")}
    expire(1)  # the second that it was copied in
    assert night(program) == set()
    first = bytes_of(night.copy)
    sandbox.append(GROWS, 3)
    expire(FRESH)
    sandbox.reset_stats()
    taken = night(program)
    second = bytes_of(night.copy)
    assert taken == {name for name in second if second[name] != first.get(name)}
    assert taken >= {f"{GROWS}/{name}" for name in OF_RESPONSES}
    assert not [name for name in taken if name.startswith(STAYS)]
    assert sorted(exported(sandbox)) == [GROWS] * 4, "csv, labels.csv, json, sav: the others are made from them"
    for name, params in EXPORTS.items():
        assert (night.copy / GROWS / name).read_bytes() == sandbox.entry(GROWS, **params), name
    sandbox.reset_stats()
    expire(1)
    assert night(program) == set()
    assert exported(sandbox) == []


def asked(sandbox):
    """How often each survey was asked for itself since the last reset."""
    return collections.Counter(entry["path"].split("/surveys/")[1] for entry in sandbox.requests("survey"))


@pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync")
def test_of_distributions_is_taken_what_changed(sandbox, night, expire):
    everything = night("rsync -a")
    mailings = {name.split("/")[2] for name in everything if "/distributions/" in name}
    changed, same = sorted(mailings)
    first = bytes_of(night.copy)
    sandbox.add_distribution(STAYS, POOL, "CG_demoStaff0000002", id=changed)
    expire(FRESH)
    sandbox.reset_stats()
    taken = night("rsync -a")
    second = bytes_of(night.copy)
    assert taken == {name for name in second if second[name] != first.get(name)}
    assert f"{STAYS}/distributions/{changed}/links.csv" in taken and not [name for name in taken if same in name]
    pages = [entry["path"] + "?" + entry["query"] for entry in sandbox.requests("distribution_links")]
    assert len(pages) == len(set(pages)) >= len(mailings), "looked at when listed, and not asked for again"
    sandbox.reset_stats()
    expire(1)
    assert night("rsync -a") == set()
    assert sandbox.count("distribution_links") == 0


@pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync")
@pytest.mark.parametrize("listed", ["survey", "folder"])
def test_used_spans_and_parameters_are_as_new_as_their_survey(sandbox, night, expire, listed):
    folders = ("dates/2026-01", "dates/2026-01-01..", "with/limit=5")
    for survey, folder in itertools.product((GROWS, STAYS), folders):
        (night.mount / "surveys" / survey / folder / "responses.csv").read_bytes()
    program = {"survey": "rsync -a", "folder": "rsync of folders"}[listed]
    assert night(program) >= {f"{STAYS}/{folder}/responses.csv" for folder in folders}
    sandbox.append(GROWS, 3)
    expire(FRESH)
    sandbox.reset_stats()
    taken = night(program)
    assert not [name for name in taken if name.startswith(STAYS)]
    assert taken >= {f"{GROWS}/{folder}/responses.csv" for folder in folders}
    assert set(exported(sandbox)) == {GROWS}
    assert asked(sandbox)[STAYS] == 1, "one request for all its files, those in dates/ and with/ among them"
    sandbox.reset_stats()
    expire(1)
    assert night(program) == set()
    assert exported(sandbox) == []
