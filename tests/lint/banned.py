#!/usr/bin/env python3
"""banned.py [ROOT]: calls that have no place in fs/, and credentials that reach a formatter."""

import re
import sys
from fnmatch import fnmatch
from pathlib import Path

import source

# Calls, the files they are allowed in, and what to use.
BANNED = (
    ('strcpy strcat sprintf vsprintf gets', (), 'struct buf or snprintf'),
    ('strtok', (), 'strtok_r or strsep'),
    ('atoi atol atoll atof', (), 'sys_parse_int'),
    ('strtol strtoll strtoul strtoull strtoimax strtoumax strtod strtof', ('fs/base/*',),
     'sys_parse_int'),
    ('rand srand', (), 'sys_random'),
    ('sleep usleep', (), 'worker_post_at, or wait for the event'),
    ('system popen', (), 'fork and exec with a list of arguments'),
    ('pthread_create thrd_create', ('fs/base/worker.c',), 'thread_start, a worker or a pool'),
    ('exit _exit _Exit quick_exit abort', ('fs/base/*', 'fs/app/*'), 'a negative errno'),
)

FORMATTER = re.compile(
    r'\b(?:log_\w+|v?[fds]?n?printf|v?asprintf|v?syslog|fail_set|fail_remedy|buf_addf'
    r'|perror|psignal|f?puts)\s*\(')
REVEALED = re.compile(r'(\w+)\s*=\s*(?:\([^)]*\)\s*)?secret_reveal\s*\(')


def banned_calls(path, code):
    for names, allowed, instead in BANNED:
        if any(fnmatch(str(path), pattern) for pattern in allowed):
            continue
        # no member of that name
        for call in re.finditer(rf'(?<![\w.])(?<!->)({"|".join(names.split())})\s*\(', code):
            yield f'{path}:{source.line_of(code, call.start())}: no {call[1]}() here: {instead}'


def printed_secrets(path, code):
    names = '|'.join({'secret_reveal'} | set(REVEALED.findall(code)))
    for call in FORMATTER.finditer(code):
        arguments = code[call.end() - 1:source.closing(code, call.end() - 1)]
        if re.search(rf'\b(?:{names})\b', arguments):
            yield f'{path}:{source.line_of(code, call.start())}: a secret reaches a formatter'


def problems(root):
    found = []
    for path in source.c_files(root, 'fs', 'include'):
        code = source.strip_code((root / path).read_text(encoding='utf-8'))
        found.extend(banned_calls(path, code))
        found.extend(printed_secrets(path, code))
    return found


if __name__ == '__main__':
    source.report(problems(Path(sys.argv[1]) if len(sys.argv) > 1 else source.here()))
