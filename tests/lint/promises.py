#!/usr/bin/env python3
"""promises.py: each statement of README.md on how files behave, what imports do and what an errno means names the
tests that keep it, and each of these tests exists.

The last column of every table below these headings is `test`; a row names there, as code, one test or several:
`test_waiting.test_flags_change_nothing`, a function of tests/*/test_waiting.py, or one that a tests/*/check_*.c runs.
The name of a C file alone (`check_append`) is all that it runs.
"""

import re
import sys
from pathlib import Path

import source

SECTIONS = ('Imports', 'How files behave')
CODE = re.compile(r'`([^`]+)`')


def sections(text):
    """(heading, [(number, line)]) of the text below each "## heading", with what is below its "### …"."""
    found, fenced = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith('```'):
            fenced = not fenced
        if line.startswith('## ') and not fenced:
            found.append((line[3:].strip(), []))
        elif found:
            found[-1][1].append((number, line))
    return dict(found)


def cells(line):
    return [cell.strip() for cell in re.split(r'(?<!\\)\|', line.strip().strip('|'))]


def tables(lines):
    """Each table as [(number, cells)]: its heading, its rule, its rows."""
    table = []
    for number, line in [*lines, (0, '')]:
        if line.startswith('|'):
            table.append((number, cells(line)))
        elif table:
            yield table
            table = []


class Tests:
    """What can be named: all but what is asked of the sandbox alone."""

    def __init__(self, root):
        self.root = root
        self.files = {path.stem: path for pattern in ('test_*.py', 'check_*.c')
                      for path in (root / 'tests').glob(f'*/{pattern}') if path.parent.name != 'sandbox_tests'}

    def lacks(self, name):
        """What is wrong with the name; None if it is a test."""
        stem, _, function = name.partition('.')
        if stem not in self.files:
            return f'there is no tests/*/{stem}.py or .c'
        text = self.files[stem].read_text(encoding='utf-8')
        path = self.files[stem].relative_to(self.root)
        if self.files[stem].suffix == '.py':
            known = re.search(rf'^(?: {{4}})?def {re.escape(function)}\(', text, re.M)
        else:
            known = not function or f'unit_test({function})' in text or f'_teardown({function},' in text
        return None if known else f'{path} has no test {function or "named"}'


def problems(root):
    path = root / 'README.md'
    if not path.is_file():
        return ['README.md is missing']
    found, tests = [], Tests(root)
    told = sections(path.read_text(encoding='utf-8'))
    for heading in SECTIONS:
        listed = list(tables(told.get(heading, [])))
        if not listed:
            found.append(f'README.md: no table below "{heading}"')
        for table in listed:
            found += table_problems(table, tests)
    return found


def table_problems(table, tests):
    (number, heading), *rows = table
    if heading[-1] != 'test':
        yield f'README.md:{number}: the last column of this table must be "test"'
        return
    for number, row in rows[1:]:
        if len(row) != len(heading):
            yield f'README.md:{number}: {len(row)} cells below {len(heading)}'
            continue
        names = CODE.findall(row[-1])
        if not names:
            yield f'README.md:{number}: no test keeps "{row[0]}"'
        for name in names:
            if why := tests.lacks(name):
                yield f'README.md:{number}: {name}: {why}'


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else source.here()
    source.report(problems(root))


if __name__ == '__main__':
    main()
