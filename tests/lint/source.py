"""source.py: what the lint scripts share: the tree's files, and C without its comments and strings."""

import re
import subprocess
import sys
from pathlib import Path

ROOMS = ('base', 'api', 'store', 'jobs', 'tree', 'front', 'app')

_SKIPPED = re.compile(
    r'//(?:\\\n|[^\n])*'             # comments
    r'|/\*.*?\*/'
    r'|(?P<text>"(?:\\.|[^"\\\n])*"'  # strings and characters
    r"|'(?:\\.|[^'\\\n])*')", re.S)


def blank(text):
    """The same number of characters and lines, with nothing in them."""
    return re.sub(r'[^\n]', ' ', text)


def strip_comments(text):
    return _SKIPPED.sub(lambda m: m[0] if m['text'] else blank(m[0]), text)


def strip_code(text):
    """Without comments and with empty strings; every position stays where it was."""
    return _SKIPPED.sub(
        lambda m: m[0][0] + blank(m[0][1:-1]) + m[0][-1] if m['text'] else blank(m[0]), text)


def line_of(text, position):
    return text.count('\n', 0, position) + 1


def closing(code, position):
    """Where the parenthesis that opens at `position` closes; the end of the text if it never does."""
    depth = 0
    for i in range(position, len(code)):
        depth += {'(': 1, ')': -1}.get(code[i], 0)
        if depth == 0:
            return i
    return len(code)


def c_files(root, *folders):
    """Paths relative to root of all C files in these folders."""
    return sorted(path.relative_to(root)
                  for folder in folders for path in (root / folder).rglob('*.[ch]'))


def tracked_files(root):
    """What git knows or would add; in a copy without git, all but build folders."""
    listed = subprocess.run(
        ['git', '-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
        capture_output=True, check=False)
    if listed.returncode == 0:
        names = [Path(name) for name in listed.stdout.decode().split('\0') if name]
    else:
        names = [path.relative_to(root) for path in root.rglob('*')]
        names = [name for name in names if name.parts[0] != '.git'
                 and not name.parts[0].startswith('build') and '__pycache__' not in name.parts]
    return sorted(name for name in names if (root / name).is_file())


def here():
    return Path(__file__).resolve().parents[2]


def report(problems):
    """Prints what was found, one line each, and ends the script."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
