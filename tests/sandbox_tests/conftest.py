"""Fixtures: each test that changes something has its own server."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'sandbox'))

import control  # noqa: E402
from control import Sandbox  # noqa: E402


@pytest.fixture
def box():
    """A fresh demo account with quick jobs."""
    with Sandbox.start(settings={'job_polls': 0, 'import_polls': 0}) as made:
        yield made


@pytest.fixture(scope='module')
def shared():
    """One demo account for tests that only read; no limits."""
    with Sandbox.start(limits='off', settings={'job_polls': 0}) as made:
        yield made


@pytest.fixture(scope='session')
def recordings():
    found = control.recordings()
    if found is None:
        pytest.skip('no folder shared/recorded beside the tree: set QXFS_RECORDED')
    return found
