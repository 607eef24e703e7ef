#!/usr/bin/env python3
"""docs.py BINARY [ROOT]: README.md, packaging/qxfs.1 and `qxfs --help` tell the same story, README.md and
`qxfs --print-tree` the same tree, packaging/qxfs.conf.5 and the table of keys in fs/app/profile.c the same file.

What `--help` must look like: headings at the left edge, entries indented below them. A heading with
the word "ommands" is followed by subcommands, one with "-o" by mount options; a line "qxfs WORD" names
a subcommand anywhere. In README.md only code (spans and blocks) counts; an example's profile is `work`.

Also: every header begins with a comment that begins with its name; no path of a developer's machine
and no mark of unfinished work stands in any text file.
"""

import re
import subprocess
import sys
from pathlib import Path

import source

WORDS = r'[a-z][a-z-]+(?:\s*\|\s*[a-z][a-z-]+)*'
PROFILE = 'work'
FLAG = re.compile(r'(?<![\w-])--?[a-zA-Z][a-z-]*(?![\w-])')
MACHINE = re.compile(r'(?<![\w~.}$-])/(?:work|root|farm)/')
OPEN = re.compile(r'\b(?:TO' r'DO|FIX' r'ME|XX' r'X)\b')


def words(text):
    return set(re.split(r'\s*\|\s*', text))


class Offer:
    """What the program itself says it takes."""

    def __init__(self, text):
        self.commands = set()
        self.flags = set(FLAG.findall(text))
        self.options = set()
        for heading, line in self.entries(text):
            if 'ommands' in heading:
                self.add_commands(re.sub(r'^qxfs\s+', '', line))
            elif '-o' in heading:
                self.add_options(line)
            usage = re.match(rf'(?:Usage:\s+)?qxfs\s+(?={WORDS})', line, re.I)
            if usage:
                self.add_commands(line[usage.end():])
            for named in re.finditer(r'(?<![\w-])-o\s+(?=[a-z])', line):
                self.add_options(line[named.end():])

    @staticmethod
    def entries(text):
        """(heading, line) of the lines with the least indentation below each heading."""
        heading, indent = '', None
        for line in text.splitlines():
            body = line.lstrip()
            depth = len(line) - len(body)
            if body and depth == 0:
                heading, indent = line, None
                yield (heading, line)
            elif body:
                indent = depth if indent is None else min(indent, depth)
                if depth == indent:
                    yield (heading, body)

    def add_commands(self, line):
        found = re.match(WORDS, line)
        if found:
            self.commands |= words(found[0])

    def add_options(self, line):
        for part in re.split(r'\s{2,}', line)[0].split(','):
            found = re.match(r'\s*([a-z][a-z_]+)\b', part)
            if found:
                self.options.add(found[1])


def code_of_markdown(text):
    """Lines of fenced blocks, and spans, one a line."""
    out, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith('```'):
            fenced = not fenced
        elif fenced:
            out.append(line)
        else:
            out.extend(re.findall(r'`([^`]+)`', line))
    return '\n'.join(out)


def text_of_man(text):
    out = []
    for line in text.splitlines():
        if line.startswith(('.\\"', "'\\\"")):
            continue
        line = re.sub(r'\\f(?:\(..|.)', '', line).replace('\\-', '-').replace('\\&', '')
        macro = re.match(r'\.([A-Z]{1,2})\b\s*', line)
        if macro:
            line = line[macro.end():].replace('"', '')
            if macro[1] in ('BI', 'BR', 'IB', 'IR', 'RB', 'RI'):
                line = re.sub(r'(?<=[=,])\s+', '', line)  # its arguments are set without blanks
        out.append(line)
    return '\n'.join(out)


def calls_of_qxfs(code):
    """What follows the program's name, up to the end of its command; and lines of mere options."""
    for line in code.splitlines():
        for call in re.finditer(r'(?<![\w.-])qxfs(?=\s)([^;&#)]*)', line):
            yield call[1]
        if line.startswith('-'):
            yield ' ' + line


def undocumented(name, code, offer):
    for command in sorted(offer.commands):
        if not re.search(rf'(?<![\w.-])qxfs\s[^\n]*\b{command}\b', code):
            yield f'{name}: qxfs {command} is missing'
    for word in sorted(offer.options | offer.flags):
        if not re.search(rf'(?<![\w-]){word}(?![\w-])', code):
            yield f'{name}: {word} is missing'


def unknown(name, code, offer):
    for call in calls_of_qxfs(code):
        command = re.match(rf'\s+({WORDS})(?![\w/.:=-])', call)
        for word in sorted(words(command[1]) if command else ()):
            if word not in offer.commands | {PROFILE}:
                yield f'{name}: qxfs {word} does not exist'
        for flag in FLAG.findall(call):
            if flag not in offer.flags:
                yield f'{name}: qxfs {flag} does not exist'
        for given in re.findall(r'(?<![\w-])-o\s*([a-z][^\s\]]*)', call):
            for option in re.findall(r'(?:^|,)([a-z_]+)', given):
                if option not in offer.options:
                    yield f'{name}: -o {option} does not exist'


def compared(root, help_text):
    offer = Offer(help_text)
    if not offer.commands or not offer.flags:
        yield 'qxfs --help names no commands or no options'
        return
    for name, read in (('README.md', code_of_markdown), ('packaging/qxfs.1', text_of_man)):
        if not (root / name).is_file():
            yield f'{name} is missing'
            continue
        code = read((root / name).read_text(encoding='utf-8'))
        yield from undocumented(name, code, offer)
        yield from unknown(name, code, offer)


def tree_of_readme(text):
    """(path, doc) of the table below "| path | what it is |"."""
    below = text.partition('| path | what it is |\n')[2].split('\n\n')[0]
    return re.findall(r'^\| `([^`]+)` \| (.*) \|$', below, re.M)


def same_tree(root, tree_text):
    """The table of README.md has the rows that `qxfs --print-tree` prints, in its order and words."""
    path = root / 'README.md'
    if not path.is_file():
        return  # compared() tells
    told = [tuple(line.split(None, 1)) for line in tree_text.splitlines()]
    written = tree_of_readme(path.read_text(encoding='utf-8'))
    for row in told:
        if row not in written:
            yield f'README.md: the tree lacks {row[0]}: {row[1]}'
    for row in written:
        if row not in told:
            yield f'README.md: qxfs --print-tree does not print {row[0]}: {row[1]}'
    if set(told) == set(written) and told != written:
        yield 'README.md: the tree is in another order than qxfs --print-tree'


def same_parameters(root, text):
    """The section of README.md is what `qxfs --print-parameters` prints, line by line (its lines may be wrapped)."""
    path = root / 'README.md'
    if not path.is_file() or not text:
        return
    written = ' '.join(path.read_text(encoding='utf-8').split())
    for line in text.splitlines():
        if ' '.join(line.split()) not in written:
            yield f'README.md: qxfs --print-parameters prints: {line[:100]}'


KEYS = re.compile(r'\bkeys\[\] = \{(.*?)\n\};', re.S)


def same_keys(root):
    """Each key of a profile has its entry in the manual, and each entry and each example there is of one."""
    table, page = root / 'fs/app/profile.c', root / 'packaging/qxfs.conf.5'
    if not table.is_file():
        return
    found = KEYS.search(table.read_text(encoding='utf-8'))
    known = set(re.findall(r'\{\s*"([a-z_]+)"', found[1])) if found else set()
    if not known or not page.is_file():
        yield f'{page.relative_to(root)}: is missing, or no keys are found in {table.relative_to(root)}'
        return
    text = page.read_text(encoding='utf-8')
    told = set(re.findall(r'^\.TP\n\.BI "([a-z_]+) = "', text, re.M))
    used = set(re.findall(r'^ +([a-z_]+) = ', text, re.M))
    for key in sorted(known - told):
        yield f'packaging/qxfs.conf.5: {key} is missing'
    for key in sorted((told | used) - known):
        yield f'packaging/qxfs.conf.5: a profile has no key {key}'


def headers(root):
    for path in source.c_files(root, 'fs', 'include'):
        text = (root / path).read_text(encoding='utf-8')
        if path.suffix == '.h' and not text.startswith(f'/* {path.name}'):
            yield f'{path}:1: begin with a comment "/* {path.name}: what it is for"'


def leftovers(root):
    for path in source.tracked_files(root):
        try:
            text = (root / path).read_text(encoding='utf-8')
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE.search(line):
                yield f'{path}:{number}: a path of a developer\'s machine'
            if OPEN.search(line):
                yield f'{path}:{number}: unfinished'


def problems(root, help_text, tree_text, parameters=''):
    return [*compared(root, help_text), *same_tree(root, tree_text), *same_parameters(root, parameters),
            *same_keys(root), *headers(root), *leftovers(root)]


def told_by(program, flag):
    told = subprocess.run([program, flag], capture_output=True, text=True, timeout=10, check=False)
    if told.returncode != 0:
        source.report([f'qxfs {flag} ends with {told.returncode}: {told.stderr.strip()}'])
    return told.stdout


def main():
    root = Path(sys.argv[2]) if len(sys.argv) > 2 else source.here()
    told = [told_by(sys.argv[1], flag) for flag in ('--help', '--print-tree', '--print-parameters')]
    source.report(problems(root, *told))


if __name__ == '__main__':
    main()
