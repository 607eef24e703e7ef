"""A network and a service in bad weather: many answers fail, and every file is right all the same (issue of limits)."""

import os

import pytest

from common import SANITIZED
from control import SLOW  # tests/sandbox/control.py

PILOT = "CG_demoPilot0000003"
MAIN = "POOL_demoMain0000001"
FORMS = ("responses.csv", "responses.labels.csv", "responses.ndjson", "responses.json", "responses.plain.csv")
DOCUMENTS = ("survey.json", "definition.json", "schema.json", "survey.qsf", "quotas.json", "languages.json", "codebook.csv",
             "distributions.csv")

# 15 % of all answers and 5 % of all connections; the periods have no common factor
FAULTS = (
    ("status", 23, {"status": 500}), ("status", 29, {"status": 502}), ("status", 31, {"status": 503}),
    ("status", 37, {"status": 503, "retry_after": 1}), ("status", 41, {"status": 429, "retry_after": 1}),
    ("reset_before", 43, {}), ("reset_before", 47, {}),
)


def wanted(mount):
    surveys = [name for name in sorted(os.listdir(mount.path / "surveys")) if name.startswith("SV_")][: 2 if SANITIZED else 6]
    paths = [mount.path / "surveys" / survey / name for survey in surveys for name in (*FORMS, *DOCUMENTS)]
    paths += [mount.path / "mailinglists" / PILOT / name for name in ("contacts.csv", "contacts.ndjson", "bounced.csv")]
    return [*paths, mount.path / "directories" / MAIN / "contacts.csv"]


@pytest.mark.timeout(240 * SLOW)
def test_every_file_is_right_in_bad_weather(sandbox, mounts, tmp_path):
    fair = mounts(sandbox, name="fair")
    before = sandbox.count()
    assert fair.run("fetch", *wanted(fair)).returncode == 0
    needed = sandbox.count() - before
    for kind, every, more in FAULTS:
        sandbox.fault("*", kind, every=every, **more)
    (tmp_path / "foul").mkdir()
    foul = mounts(sandbox, name="foul", folder=tmp_path / "foul")
    before = sandbox.count()
    answer = foul.run("fetch", *wanted(foul))
    assert answer.returncode == 0, answer.stderr
    spent = sandbox.count() - before
    failed = sum(rule["hits"] for rule in sandbox.faults())
    assert failed > spent // 8, "the weather was fair"
    assert spent <= 1.5 * needed, (spent, needed)
    sandbox.clear_faults()
    for one, other in zip(wanted(fair), wanted(foul)):
        assert other.read_bytes() == one.read_bytes(), other
