#!/usr/bin/env python3
"""selftest.py: every lint rule is seen to fail on a planted violation, and to pass without it."""

import shutil
import tempfile
import unittest
from pathlib import Path

import banned
import completions
import docs
import format as formatting
import layers
import promises
import source

BODY = 'int f(void)\n{\n\treturn 0;\n}\n'
HELP = '''Usage: qxfs [-f] [-o OPTIONS] [PROFILE] MOUNTPOINT
       qxfs demo [DIR]

Commands:
  demo [DIR]         a sandbox account,
                     mounted
  fetch | send PATH  brings files here
  status [--json]    what runs

Mount options (-o):
  fresh=SECONDS      how long
  uid=N,gid=N        whose
'''
README = '''# qxfs
`qxfs demo`, `qxfs fetch | send PATH` and `qxfs status --json`. `-f` stays. See `fresh=`.
```
git clone --depth 1 https://example.org/qxfs x
qxfs -o fresh=60,uid=1,gid=1 work ~/qualtrics   # not a command
```
'''
MAN = r'''.TH QXFS 1
.B qxfs
.RB [ \-f ]
.TP
.B qxfs demo
.TP
.BR "qxfs fetch" | "send " PATH
.TP
.B qxfs status \-\-json
.TP
.BI "\-o fresh=" SECONDS ,uid= N ,gid= N
'''
MARK = 'TO' + 'DO'


# As qxfs prints it, with the words that completions.py asks for.
ASKED = '''Usage: qxfs [-f] [-o OPTIONS] MOUNTPOINT

Environment:
  QUALTRICS_BASE_URL      your data centre

Commands:
  demo [DIR]              mount a made-up account
  status [--json] [DIR]   what runs
  umount DIR              end a mount

Flags:
  -f                      stay in the foreground
  -h, --help              print this text
  -o OPTIONS              mount options, see below

Mount options (-o NAME=VALUE):
  fresh=SECONDS           how long a file counts as current (default 300)
  hold=WHEN               imports that wait for a word
  ro                      read-only for the kernel too
'''


class Tree(unittest.TestCase):
    """A tree in a temporary folder, without git."""

    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)

    def plant(self, files):
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def assert_clean(self, found):
        self.assertEqual(list(found), [])

    def assert_found(self, found, *parts):
        found = list(found)
        for part in parts:
            self.assertTrue(any(part in line for line in found), f'{part!r} is not in {found}')


class Layers(Tree):
    def check(self, files, *parts):
        self.plant({f'{Path(name).parent}/meson.build': '' for name in files})
        for name in files:
            with open(self.root / Path(name).parent / 'meson.build', 'a', encoding='utf-8') as room:
                room.write(f"'{Path(name).name}',\n")
        self.plant(files)
        found = layers.problems(self.root)
        if parts:
            self.assert_found(found, *parts)
        else:
            self.assert_clean(found)

    def include(self, path, line, *parts):
        """One file with one include."""
        self.check({path: f'{line}\n'}, *parts)

    def test_what_is_allowed(self):
        self.check({
            'include/qxfs/base/buf.h': '#include <stddef.h>\n',
            'include/qxfs/tree/tree.h': '#include <qxfs/base/buf.h>\n',
            'fs/api/http.c': '#include <qxfs/base/buf.h>\n#include <curl/curl.h>\n',
            'fs/front/park.h': '#include <fuse_lowlevel.h>\n',
            'fs/front/park.c': '#include "park.h"\n#include <qxfs/tree/tree.h>\n' + BODY,
            'fs/app/main.c': '#include <qxfs/tree/tree.h>\n#include <qxfs/base/buf.h>\n',
        })

    def test_every_wrong_arrow(self):
        for room, may in layers.MAY.items():
            for other in set(source.ROOMS) - may - {room}:
                with self.subTest(room=room, other=other):
                    self.include(f'fs/{room}/a.c', f'#include <qxfs/{other}/b.h>',
                                 f'{room} may not include qxfs/{other}/b.h')

    def test_every_outside_header_elsewhere(self):
        for pattern, _ in layers.ONLY:
            header = pattern.replace('*', 'x')
            for path in ('fs/app/a.c', 'fs/api/client.c', 'include/qxfs/store/a.h'):
                with self.subTest(header=header, path=path):
                    self.include(path, f'# include <{header}>', 'may be included only by')

    def test_a_comment_includes_nothing(self):
        self.include('fs/base/a.c', '/*\n#include <curl/curl.h>\n*/\n// #include <zip.h>')

    def test_a_private_header_elsewhere(self):
        self.check({'fs/front/park.h': '', 'fs/app/a.c': '#include "../front/park.h"\n'},
                   'fs/app/a.c:1: ../front/park.h is private to front')

    def test_a_private_header_in_a_door(self):
        self.check({'fs/front/park.h': '',
                    'include/qxfs/front/ops.h': '#include "../../../fs/front/park.h"\n'},
                   'a door may not include the private header')

    def test_a_door_by_its_relative_path(self):
        self.check({'include/qxfs/base/buf.h': '',
                    'fs/base/a.c': '#include "../../include/qxfs/base/buf.h"\n'},
                   'write <qxfs/base/buf.h>')

    def test_a_cycle_of_headers(self):
        self.check({'include/qxfs/base/a.h': '#include <qxfs/base/b.h>\n',
                    'include/qxfs/base/b.h': '#include <qxfs/base/a.h>\n'},
                   'base/a -> base/b -> base/a')

    def test_a_cycle_through_code(self):
        self.check({'fs/front/a.h': '', 'fs/front/b.h': '', 'fs/front/c.h': '',
                    'fs/front/a.c': '#include "b.h"\n', 'fs/front/b.c': '#include "c.h"\n',
                    'fs/front/c.c': '#include "a.h"\n'},
                   'front/a -> front/b -> front/c -> front/a')

    def test_a_private_header_that_completes_a_door(self):
        files = {'include/qxfs/jobs/jobs.h': '', 'fs/jobs/job.h': '#include <qxfs/jobs/jobs.h>\n',
                 'fs/jobs/jobs.c': '#include "job.h"\n', 'fs/jobs/lists.c': '#include "job.h"\n'}
        self.check(files)
        files['fs/jobs/lists.h'] = ''
        files['fs/jobs/jobs.c'] += '#include "lists.h"\n'
        self.check(files, 'jobs/jobs -> jobs/lists -> jobs/jobs')

    def test_a_file_in_no_room(self):
        self.check({'fs/a.c': '', 'include/qxfs/cellar/a.h': ''}, 'fs/a.c:1: this file is in no',
                   'include/qxfs/cellar/a.h:1: this file is in no room')

    def test_a_file_that_is_not_built(self):
        self.plant({'fs/base/a.c': BODY, 'fs/base/b.c': BODY, 'fs/base/meson.build': "'b.c'\n",
                    'tests/unit/check_a.c': BODY, 'tests/unit/check_b.c': BODY,
                    'tests/unit/meson.build': "'b'\n"})
        self.assertEqual(layers.problems(self.root),
                         ['fs/base/a.c:1: this file is not in fs/base/meson.build',
                          'tests/unit/check_a.c:1: this file is not in tests/unit/meson.build'])

    def test_a_long_file(self):
        self.check({'fs/base/a.c': '\n' * 501, 'fs/tree/nodes.c': '\n' * 501}, 'fs/base/a.c:1: 501')
        self.check({'fs/base/a.c': '\n' * 500})

    def test_a_long_header(self):
        self.check({'include/qxfs/base/a.h': '\n' * 201}, 'a.h:1: 201 lines, a header')
        self.check({'include/qxfs/base/a.h': '\n' * 200})

    def test_a_long_function(self):
        long = 'int x[] = { 1, 2 };\n\nstatic int long_one(int a,\n\tint b)\n{\n%s}\n' % ('\t;\n' * 57)
        self.check({'fs/base/a.c': long}, 'fs/base/a.c:3: long_one() has 61 lines')
        self.check({'fs/base/a.c': long.replace('\t;\n', '', 1)})

    def test_what_hides_braces(self):
        self.check({'fs/base/a.c': '''#define OPEN {
#define LONGER \\
	{ {
struct a __attribute__((packed)) { int b; };
static const char s[] = "{ /* \\" {", c = '{', d = '\\'';
/* { */ // {
#ifdef A
int f(int a) {
#else
int f(void) {
#endif
	return 0;
}
'''})

    def test_braces_that_do_not_match(self):
        self.check({'fs/base/a.c': BODY + '}\n'}, 'braces')


class Banned(Tree):
    def found(self, path, line):
        self.plant({path: f'void f(void)\n{{\n\t{line}\n}}\n'})
        return banned.problems(self.root)

    def test_every_banned_call(self):
        for names, _, instead in banned.BANNED:
            for name in names.split():
                with self.subTest(name=name):
                    self.assert_found(self.found('fs/jobs/a.c', f'x = {name} (y);'),
                                      f'fs/jobs/a.c:3: no {name}() here: {instead}')

    def test_what_is_allowed_where(self):
        self.assert_clean(self.found('fs/base/worker.c', 'pthread_create(a); strtol(b); abort();'))
        self.assert_clean(self.found('fs/app/main.c', '_exit(1);'))

    def test_what_only_looks_like_it(self):
        self.assert_clean(self.found('fs/jobs/a.c', '''/* exit(1) */ my_sleep(1); puts("system(x)");
	o->exit(1); o.exit(1); strtok_r(a); atexit(f); // abort();'''))

    def test_a_printed_secret(self):
        for line in ('log_warn("a", "%s", secret_reveal(s));',
                     'const char *t = secret_reveal(s);\n\tsnprintf(b, n,\n\t\t"%s", t);',
                     'buf_addf(&b, "(%s", (const char *)secret_reveal(s));'):
            with self.subTest(line=line):
                self.assert_found(self.found('fs/api/http.c', line), 'a secret reaches a formatter')

    def test_a_used_secret(self):
        self.assert_clean(self.found('fs/api/http.c', '''buf_add_str(&b, secret_reveal(s));
	log_info("a", "secret_reveal(%zu)", secret_len(s));'''))


class Docs(Tree):
    def setUp(self):
        super().setUp()
        self.plant({'README.md': README, 'packaging/qxfs.1': MAN,
                    'include/qxfs/base/a.h': '/* a.h: nothing. */\n'})

    def change(self, name, old, new):
        text = (self.root / name).read_text()
        self.assertIn(old, text)
        self.plant({name: text.replace(old, new)})

    def found(self, help_text=HELP, tree_text='', parameters=''):
        return docs.problems(self.root, help_text, tree_text, parameters)

    def test_what_agrees(self):
        self.assert_clean(self.found())

    def test_the_tree_is_the_table(self):
        table = '\n| path | what it is |\n|---|---|\n| `/a` | one file |\n| `/b` | two |\n\n'
        self.plant({'README.md': README + table})
        self.assert_clean(self.found(tree_text='/a   one file\n/b   two\n'))
        self.assert_found(self.found(tree_text='/a   another\n/b   two\n/c   three\n'),
                          'README.md: the tree lacks /a: another', 'README.md: the tree lacks /c: three',
                          'README.md: qxfs --print-tree does not print /a: one file')
        self.assert_found(self.found(tree_text='/b   two\n/a   one file\n'), 'in another order')

    def test_the_parameters_are_the_table(self):
        self.plant({'README.md': README + '\n| `limit` | count | so many |\n\nTime zones: UTC,\nAsia/Tokyo.\n'})
        self.assert_clean(self.found(parameters='| `limit` | count | so many |\n\nTime zones: UTC, Asia/Tokyo.\n'))
        self.assert_found(self.found(parameters='| `limit` | count | so few |\n'),
                          'README.md: qxfs --print-parameters prints: | `limit` | count | so few |')

    def test_the_keys_are_the_manuals(self):
        keys = 'static const struct {\n} keys[] = {\n\t{ "host", offsetof(a, b) },\n\t{ "token", 1 },\n};\n'
        page = '.SH KEYS\n.TP\n.BI "host = " HOST\n.TP\n.BI "token = " TOKEN\n.nf\n    host = a\n'
        self.plant({'fs/app/profile.c': keys, 'packaging/qxfs.conf.5': page})
        self.assert_clean(self.found())
        self.plant({'fs/app/profile.c': keys.replace('"token"', '"tokens"')})
        self.assert_found(self.found(), 'qxfs.conf.5: tokens is missing', 'a profile has no key token')
        self.plant({'fs/app/profile.c': keys, 'packaging/qxfs.conf.5': page.replace('    host', '    hots')})
        self.assert_found(self.found(), 'a profile has no key hots')
        (self.root / 'packaging/qxfs.conf.5').unlink()
        self.assert_found(self.found(), 'is missing')

    def test_what_only_help_names(self):
        self.assert_found(self.found(HELP.replace('  status', '  doctor\n  status')),
                          'README.md: qxfs doctor is missing',
                          'packaging/qxfs.1: qxfs doctor is missing')
        self.assert_found(self.found(HELP.replace('  uid', '  share=N\n  uid')),
                          'README.md: share is missing', 'packaging/qxfs.1: share is missing')
        self.assert_found(self.found(HELP.replace('--json', '--json --check')),
                          'README.md: --check is missing', 'packaging/qxfs.1: --check is missing')

    def test_what_only_the_readme_names(self):
        self.change('README.md', 'qxfs demo', 'qxfs why')
        self.change('README.md', 'fresh=60', 'stale=60,x=1')
        self.change('README.md', '--json', '--yaml')
        self.assert_found(self.found(), 'qxfs why does not exist', 'qxfs demo is missing',
                          '-o stale does not exist', '-o x does not', '--yaml does not exist',
                          '--json is missing')

    def test_what_only_the_man_page_names(self):
        self.change('packaging/qxfs.1', 'qxfs demo', 'qxfs why')
        self.change('packaging/qxfs.1', 'fresh', 'stale')
        self.change('packaging/qxfs.1', r'\-\-json', r'\-\-yaml')
        self.assert_found(self.found(), '1: qxfs why does not exist', '1: qxfs demo is missing',
                          '1: -o stale does not exist', '1: fresh is missing',
                          '--yaml does not exist')

    def test_text_outside_code_proves_nothing(self):
        self.change('README.md', '`qxfs status --json`', 'qxfs status --json')
        self.assert_found(self.found(), 'README.md: qxfs status is missing')

    def test_missing_texts(self):
        (self.root / 'README.md').unlink()
        (self.root / 'packaging/qxfs.1').unlink()
        self.assert_found(self.found(), 'README.md is missing', 'packaging/qxfs.1 is missing')

    def test_a_help_text_that_cannot_be_read(self):
        self.assert_found(self.found('hello\n'), 'names no commands')

    def test_a_header_without_its_comment(self):
        self.plant({'include/qxfs/base/a.h': '#ifndef A\n#endif\n', 'fs/base/b.h': '/* c.h */\n'})
        self.assert_found(self.found(), 'base/a.h:1: begin with', 'base/b.h:1: begin with')

    def test_leftovers(self):
        self.plant({'tests/a.py': f'a = 1  # {MARK} later\n', 'tests/b.sh': 'ls /' + 'work/main\n',
                    'tests/c': '/tmp/qxfs-XXXXXX ~/work/x $HOME/root/\n', 'tests/d': 'cd "/' + 'root/"'})
        self.assert_found(self.found(), 'tests/a.py:1: unfinished', 'tests/b.sh:1: a path',
                          'tests/d:1: a path')
        self.assertFalse([line for line in self.found() if 'tests/c' in line])

    def test_a_build_folder_is_not_read(self):
        self.plant({'build/a.txt': f'{MARK}\n', '.git/config': f'{MARK}\n'})
        self.assert_clean(self.found())


PROMISED = """## Imports

| state | what it means | test |
|---|---|---|
| held | it waits | `test_a.test_held` |

## How files behave

| what you do | what happens | test |
|---|---|---|
| `ls \\| wc` | free | `test_a.test_ls`, `check_b` |

### When something fails

| errno | when | test |
|---|---|---|
| EIO | often | `check_b.test_io` |

## Options

| option | what it does |
|---|---|
| `fresh=` | much |
"""


class Promises(Tree):
    def found(self, old='', new=''):
        self.assertIn(old, PROMISED)
        self.plant({
            'README.md': PROMISED.replace(old, new) if old else PROMISED,
            'tests/fs/test_a.py': 'def test_held():\n    pass\n\n\nif True:\n    def test_ls(mount):\n        pass\n',
            'tests/unit/check_b.c': 'static void test_io(void **s)\n{\n}\ncmocka_unit_test(test_io),\n'
                                    'static void test_idle(void **s)\n{\n}\n',
            'tests/sandbox_tests/test_a.py': 'def test_other():\n    pass\n'})
        return promises.problems(self.root)

    def test_what_agrees(self):
        self.assert_clean(self.found())

    def test_a_row_without_a_test(self):
        self.assert_found(self.found('`check_b.test_io`', 'none'), 'README.md:17: no test keeps "EIO"')
        self.assert_found(self.found('| it waits | `test_a.test_held` |', '| it waits |'), ': 2 cells below 3')

    def test_a_test_that_is_not_there(self):
        for name in ('test_a.test_hel', 'test_a.test_other', 'test_a', 'test_c.test_held', 'check_b.test_idle'):
            self.assert_found(self.found('test_a.test_held', name), f'README.md:5: {name}: ')

    def test_a_table_without_tests(self):
        self.assert_found(self.found('| errno | when | test |', '| errno | when |'), 'must be "test"')
        self.assert_found(self.found('## Imports', '## Else'), 'no table below "Imports"')
        self.assert_found(self.found('## How files behave', '## How'), 'no table below "How files behave"')


class Completions(Tree):
    def setUp(self):
        super().setUp()
        if not completions.shells():
            self.skipTest('none of the shells')
        for path in (source.here() / completions.FOLDER).iterdir():
            self.plant({str(completions.FOLDER / path.name): path.read_text()})
        self.plant({'qxfs': "#!/bin/sh\ncat <<'END'\n" + ASKED + 'END\n'})
        (self.root / 'qxfs').chmod(0o755)

    def found(self):
        return list(completions.problems(self.root, self.root / 'qxfs'))

    def test_what_agrees(self):
        self.assert_clean(self.found())

    def test_words_of_another_heading(self):
        for name in ('qxfs.bash', '_qxfs', 'qxfs.fish'):
            path = self.root / completions.FOLDER / name
            path.write_text(path.read_text().replace('Mount options', 'Environment'))
        self.assert_found(self.found(), *(f"{shell}: after 'qxfs -o ': does not offer fresh="
                                          for shell in completions.shells()))


class Format(Tree):
    def test_a_badly_formatted_file(self):
        name = formatting.formatter()
        if name is None:
            self.skipTest('no clang-format 14')
        self.plant({'.clang-format': (source.here() / '.clang-format').read_text(),
                    'fs/base/a.c': 'int f(void) {\n  return 0; }\n', 'fs/base/b.c': BODY})
        self.assertEqual(formatting.problems(self.root, name), [f'fs/base/a.c: run {name} -i'])


if __name__ == '__main__':
    unittest.main()
