"""The mounts and accounts of tests/fs, for tests with programs of other people."""

import importlib.util
import pathlib
import sys

MOUNTS = pathlib.Path(__file__).resolve().parents[1] / "fs"
sys.path.insert(0, str(MOUNTS))
spec = importlib.util.spec_from_file_location("qxfs_mounts", MOUNTS / "conftest.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

mounts, sandbox, until, pytest_configure = module.mounts, module.sandbox, module.until, module.pytest_configure
