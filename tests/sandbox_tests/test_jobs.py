"""The ceiling of running jobs, without a server: what threads do only now and then, done in order."""

import contextlib
from types import SimpleNamespace

import pytest

import jobs
from limits import Limits
from replies import ApiError
from settings import Settings

CEILING = 15


@pytest.fixture
def table():
    most = []
    settings = Settings()
    return jobs.Jobs(SimpleNamespace(settings=settings, clock=lambda: 0.0, limits=Limits(settings, lambda: 0.0, {}),
                                     stats=SimpleNamespace(jobs=most.append)))


def start(opened, table):
    add = opened.enter_context(table.opening())
    add(SimpleNamespace(prefix='ES_'), 'SV_1', None, 1, 1.0)


def test_a_job_whose_start_is_not_answered_yet_is_counted_once(table):
    with contextlib.ExitStack() as answering:
        for _ in range(CEILING):
            start(answering, table)
        assert table.running() == CEILING
        with pytest.raises(ApiError):
            start(answering, table)
    assert table.reserved == 0


def test_a_place_not_taken_is_given_back(table):
    for _ in range(CEILING + 1):
        with contextlib.suppress(ValueError), table.opening():
            raise ValueError
    assert (table.reserved, table.running()) == (0, 0)
