#!/usr/bin/env python3
"""completions.py BINARY [ROOT]: what bash, zsh and fish offer is what `qxfs --help` names, and nothing else.

The shells are really asked, each that is there; without any of them the test is skipped (77).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import docs
import source

FOLDER = Path('packaging/completions')
BASH_COMPLETION = Path('/usr/share/bash-completion/bash_completion')
SKIPPED = 77

# Prints what Tab would offer for the words given; the last one is the one being written.
BASH = '''
source "$1"; source "$2"; shift 2
COMP_WORDS=() COMP_LINE="$*"
for word; do  # as readline does it: "=" is a word of its own
	while [[ $word == ?*=* && $word != = ]]; do
		COMP_WORDS+=("${word%%=*}" =); word=${word#*=}
	done
	COMP_WORDS+=("$word")
done
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_POINT=${#COMP_LINE} COMP_TYPE=9
compopt() { :; }
_qxfs
printf '%s\\n' "${COMPREPLY[@]}"
'''

# A terminal of its own would be needed for Tab; its functions that offer are replaced instead.
ZSH = '''
setopt extendedglob
file=$1; shift
words=("$@") CURRENT=$# PREFIX=$argv[-1]
_call_program() { shift; "$@" }
_describe() { print -rl -- ${${(P)4}%%:*} }
compadd() { while [[ $1 == -* && $1 != -- ]]; do shift; done; [[ $1 != -- ]] || shift; print -rl -- "$@" }
compset() {
	local -a match
	[[ $PREFIX == (#b)(${~2})* ]] || return
	PREFIX=${PREFIX#$match[1]}
}
for name in _directories _files _users _groups; do functions[$name]=:; done
source $file $words
'''


def bash(files, *words):
    return ['bash', '--norc', '-c', BASH, 'bash', BASH_COMPLETION, files / 'qxfs.bash', *words]


def zsh(files, *words):
    return ['zsh', '-f', '-c', ZSH, 'zsh', files / '_qxfs', *words]


def fish(files, *words):
    script = 'source $argv[1]; complete -C "$argv[2]"'
    return ['fish', '--no-config', '-c', script, files / 'qxfs.fish', ' '.join(words)]


SHELLS = {'bash': bash, 'zsh': zsh, 'fish': fish}


class Asked:
    """One shell, in an empty folder, with the program as the only qxfs."""

    def __init__(self, shell, files, program, folder):
        self.shell, self.files = shell, files
        (folder / 'bin').mkdir(exist_ok=True)
        (folder / 'bin' / 'qxfs').unlink(missing_ok=True)
        (folder / 'bin' / 'qxfs').symlink_to(program)
        self.folder = folder / 'empty'
        self.folder.mkdir(exist_ok=True)
        self.env = {**os.environ, 'PATH': f"{folder / 'bin'}:{os.environ['PATH']}", 'HOME': str(folder),
                    'XDG_CONFIG_HOME': str(folder), 'LC_ALL': 'C.UTF-8'}

    def offers(self, *words):
        done = subprocess.run(SHELLS[self.shell](self.files, *words), cwd=self.folder, env=self.env, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        if done.stderr:
            raise AssertionError(done.stderr.strip())
        found = {line.split('\t')[0] for line in done.stdout.splitlines()} - {''}
        if self.shell == 'zsh':  # its own functions put the list before it, and choose
            before = words[-1].rpartition(',')
            found = {before[0] + before[1] + word for word in found}
        if self.shell in ('zsh', 'fish'):  # fish offers what has the letters somewhere, if nothing begins so
            found = {word for word in found if word.startswith(words[-1])}
        return found


def expected(offer, help_text):
    """(words so far, what is to be offered)"""
    valued = {line.split('=')[0].strip() for line in help_text.splitlines()
              if line.startswith('  ') and '=' in line.split('  ')[1] and line[2].islower()}
    options = {option + ('=' if option in valued else '') for option in offer.options}
    flags = offer.flags & docs.Offer(help_text.partition('\nFlags:\n')[2].join(['Flags:\n', ''])).flags
    of_commands = {line[1]: set(re.findall(r'\[(--?[a-z]+)\]', line[0]))
                   for line in re.finditer(r'^  ([a-z]+) \[-.*', help_text, re.M)}
    yield ('qxfs', ''), offer.commands
    yield ('qxfs', 'st'), {word for word in offer.commands if word.startswith('st')}
    yield ('qxfs', '-'), flags - set().union(*of_commands.values())
    yield ('qxfs', '--p'), {flag for flag in flags if flag.startswith('--p')}
    for command, its in of_commands.items():
        yield ('qxfs', command, '-'), its
    yield ('qxfs', '-o', ''), options
    yield ('qxfs', '-o', 'im'), {option for option in options if option.startswith('im')}
    yield ('qxfs', 'demo', '-o', 'ro,im'), {'ro,' + option for option in options if option.startswith('im')}
    yield ('qxfs', 'demo', '-o', 'fresh=3,ho'), {'fresh=3,hold='}
    yield ('qxfs', 'umount', '--x'), set()


def differences(asked, words, wanted):
    try:
        found = asked.offers(*words)
    except AssertionError as error:
        yield str(error)
        return
    for word in sorted(wanted - found):
        yield f'does not offer {word}'
    for word in sorted(found - wanted):
        yield f'offers {word}, which qxfs --help does not name'


def shells():
    return [shell for shell in SHELLS if shutil.which(shell) and (shell != 'bash' or BASH_COMPLETION.exists())]


def problems(root, program):
    text = subprocess.run([program, '--help'], capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        for shell in shells():
            asked = Asked(shell, root / FOLDER, program, Path(folder))
            for words, wanted in expected(docs.Offer(text), text):
                for difference in differences(asked, words, wanted):
                    yield f"{shell}: after '{' '.join(words)}': {difference}"


def main():
    if not shells():
        sys.exit(SKIPPED)
    root = Path(sys.argv[2]) if len(sys.argv) > 2 else source.here()
    source.report(list(problems(root, Path(sys.argv[1]).resolve())))


if __name__ == '__main__':
    main()
