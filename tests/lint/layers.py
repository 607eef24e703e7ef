#!/usr/bin/env python3
"""layers.py [ROOT]: who includes whom, and how long things are.

`front -> tree -> jobs -> {api, store} -> base`, `app` sees all; an outside library is seen by its room
only; a private header (fs/ROOM/*.h) by its room only; modules (NAME.c and NAME.h) form no cycle. A
private header that completes a door (it includes the door, the door's code includes it) is of the door's
module.
"""

import os
import re
import sys
from fnmatch import fnmatch
from pathlib import Path

import source

MAY = {
    'base': set(),
    'api': {'base'},
    'store': {'base'},
    'jobs': {'base', 'api', 'store'},
    'tree': {'base', 'api', 'store', 'jobs'},
    'front': {'base', 'tree'},
    'app': {'base', 'api', 'store', 'jobs', 'tree', 'front'},
}

# An outside header, and the files that may include it. No door may.
ONLY = (
    ('curl/*', ('fs/api/http.c', 'fs/api/flight.c', 'fs/api/url.c')),
    ('sqlite3.h', ('fs/store/*',)),
    ('archive.h', ('fs/store/*',)),
    ('archive_entry.h', ('fs/store/*',)),
    ('zip.h', ('fs/store/*',)),
    ('zlib.h', ('fs/store/*',)),
    ('fuse*.h', ('fs/front/*',)),
    ('fuse3/*', ('fs/front/*',)),
    ('json.h', ('fs/base/*',)),
    ('json-c/*', ('fs/base/*',)),
    ('yajl/*', ('fs/base/*',)),
    ('openssl/*', ('fs/base/*',)),
    ('utf8proc.h', ('fs/tree/*',)),
    ('csv.h', ('fs/jobs/*',)),
    ('ini.h', ('fs/app/*',)),
    ('libsecret/*', ('fs/app/keyring_service.c',)),
    ('libnotify/*', ('fs/app/desktop_service.c',)),
    ('xlsxwriter.h', ('fs/jobs/*',)),
    ('xlsxwriter/*', ('fs/jobs/*',)),
)

MAX_FILE = 500
MAX_HEADER = 200
MAX_FUNCTION = 60
TABLES = ('endpoints.c', 'nodes.c', 'import_kinds.c')  # as long as what they list

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)


def room_of(path):
    """'api' for fs/api/http.c and include/qxfs/api/http.h; None outside every room."""
    parts = path.parts[1:] if path.parts[0] == 'fs' else path.parts[2:]
    return parts[0] if len(parts) > 1 and parts[0] in MAY else None


def is_door(path):
    return path.parts[0] == 'include'


def resolve(root, path, quote, name):
    """The file of the tree that an include means, or None for an outside header."""
    if name.startswith('qxfs/'):
        return Path('include') / name
    inside = Path(os.path.normpath(path.parent / name))
    return inside if quote == '"' and (root / inside).is_file() else None


def judge(path, target, name):
    """What is wrong with this include, or None."""
    mine = room_of(path)
    if target is None:
        for pattern, files in ONLY:
            if fnmatch(name, pattern) and not any(fnmatch(str(path), f) for f in files):
                return f'<{name}> may be included only by {", ".join(files)}'
        return None
    its = room_of(target)
    if its is None:
        return f'{name} is in no room'
    if is_door(target):
        if not name.startswith('qxfs/'):
            return f'{name}: write <qxfs/{its}/{target.name}>'
        return None if its == mine or its in MAY[mine] else f'{mine} may not include {name}'
    if is_door(path):
        return f'a door may not include the private header {name}'
    return None if its == mine else f'{name} is private to {its}'


def module_of(path):
    return f'{room_of(path)}/{path.stem}'


def modules(includes):
    """module -> the modules it includes, from path -> paths."""
    joined = {}  # module of a private header -> the door's that it completes
    for path, targets in includes.items():
        for header in targets:
            if path.suffix == '.c' and not is_door(header):
                for door in includes.get(header, ()):
                    if is_door(door) and module_of(door) == module_of(path):
                        joined[module_of(header)] = module_of(path)
    graph = {}
    for path, targets in includes.items():
        module = joined.get(module_of(path), module_of(path))
        others = {joined.get(module_of(target), module_of(target)) for target in targets}
        graph.setdefault(module, set()).update(others - {module})
    return graph


def find_cycle(graph):
    """One cycle of modules as a list that ends where it began, or None."""
    done, trail = set(), []

    def visit(module):
        if module in trail:
            return trail[trail.index(module):] + [module]
        if module in done:
            return None
        trail.append(module)
        for other in sorted(graph.get(module, ())):
            cycle = visit(other)
            if cycle:
                return cycle
        trail.pop()
        done.add(module)
        return None

    for module in sorted(graph):
        cycle = visit(module)
        if cycle:
            return cycle
    return None


def without_preprocessor(code):
    """Blank directives; of #if … #else … #endif only the first branch stays."""
    out, kept, continued = [], [], False
    for line in code.split('\n'):
        directive = re.match(r'\s*#\s*(\w*)', line)
        if continued or directive:
            if not continued:
                word = directive[1]
                if word in ('if', 'ifdef', 'ifndef'):
                    kept.append(True)
                elif word in ('else', 'elif') and kept:
                    kept[-1] = False
                elif word == 'endif' and kept:
                    kept.pop()
            continued = line.endswith('\\')
            line = ''
        out.append(line if all(kept) else '')
    return '\n'.join(out)


def names_function(head):
    """Whether the text before a brace at the outermost level declares a function."""
    while (found := head.find('__attribute__')) >= 0:
        head = head[:found] + head[source.closing(head, head.find('(', found)) + 1:]
    return head.rstrip().endswith(')') and '=' not in head


def functions(text):
    """(name, first line, number of lines) of each function; None as name: the braces do not match."""
    code = without_preprocessor(source.strip_code(text))
    depth, start, head = 0, 0, None
    for i, char in enumerate(code):
        if char == '{':
            if depth == 0:
                head = code[start:i] if names_function(code[start:i]) else None
            depth += 1
        elif char == '}':
            depth -= 1
            if depth < 0:
                break
            if depth == 0:
                if head:
                    first = source.line_of(code, start + len(head) - len(head.lstrip()))
                    name = re.search(r'(\w+)\s*\(', head)
                    yield (name[1] if name else '?', first, source.line_of(code, i) - first + 1)
                start = i + 1
        elif char == ';' and depth == 0:
            start = i + 1
    if depth != 0:
        yield (None, 1, 0)


def sizes(path, text):
    lines = text.count('\n')
    if lines > MAX_FILE and path.name not in TABLES:
        yield f'{path}:1: {lines} lines, at most {MAX_FILE}'
    elif path.suffix == '.h' and lines > MAX_HEADER:
        yield f'{path}:1: {lines} lines, a header has at most {MAX_HEADER}'
    for name, first, length in functions(text):
        if name is None:
            yield f'{path}:1: the braces of this file do not match'
        elif length > MAX_FUNCTION:
            yield f'{path}:{first}: {name}() has {length} lines, at most {MAX_FUNCTION}'


def unbuilt(root):
    """C files of rooms and unit tests that no meson.build lists; main.c is the program's own."""
    for path in source.c_files(root, 'fs', 'tests/unit'):
        listing = root / path.parent / 'meson.build'
        text = listing.read_text(encoding='utf-8') if listing.is_file() else ''
        name = path.stem.removeprefix('check_') if path.parts[0] == 'tests' else path.name
        if path.suffix == '.c' and str(path) != 'fs/app/main.c' and f"'{name}'" not in text:
            yield f'{path}:1: this file is not in {path.parent}/meson.build'


def problems(root):
    found, includes = list(unbuilt(root)), {}
    for path in source.c_files(root, 'fs', 'include'):
        text = (root / path).read_text(encoding='utf-8')
        found.extend(sizes(path, text))
        if room_of(path) is None:
            found.append(f'{path}:1: this file is in no room')
            continue
        includes[path] = []
        for include in INCLUDE.finditer(source.strip_comments(text)):
            target = resolve(root, path, include[1], include[2])
            wrong = judge(path, target, include[2])
            if wrong:
                found.append(f'{path}:{source.line_of(text, include.start())}: {wrong}')
            elif target:
                includes[path].append(target)
    cycle = find_cycle(modules(includes))
    if cycle:
        found.append('a cycle of modules: ' + ' -> '.join(cycle))
    return found


if __name__ == '__main__':
    source.report(problems(Path(sys.argv[1]) if len(sys.argv) > 1 else source.here()))
