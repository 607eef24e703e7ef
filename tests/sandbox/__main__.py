"""A Qualtrics account on loopback. The first line on stdout is `BASE_URL TOKEN`.

python3 tests/sandbox [--port N] [--token T] [--account demo|recorded|empty] [--recorded DIR] [--limits on|off]
                      [--contacts N] [--surveys N] [--sample KIND]... [--set NAME=JSON]...
                      [--until-stdin-closes]
python3 tests/sandbox --replay DIR [--exchange NAME]... [--strict] [--port N] [--token T] [--limits on|off] ...
python3 tests/sandbox --nursery     many of them, for tests: nursery.py
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading

import demo
import recorded
import replay
import samples
from account import Account
from box import Box, random_token
from rows import make_id
from server import Server
from settings import Settings

CONTACTS = 5000     # of the demo account


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='sandbox', description='A Qualtrics account on loopback.')
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--token', help='the token to accept; random if left out')
    parser.add_argument('--account', choices=('demo', 'recorded', 'empty'), default='demo')
    parser.add_argument('--recorded', default=os.environ.get('QXFS_RECORDED'),
                        help='a folder of recorded exchanges, for --account recorded')
    parser.add_argument('--replay', metavar='DIR', help='play back the recorded exchanges of a folder (replay.py)')
    parser.add_argument('--exchange', action='append', default=[], metavar='NAME', help='only this recording')
    parser.add_argument('--strict', action='store_true', help='with --replay: word for word, nothing made up')
    parser.add_argument('--limits', choices=('on', 'off'), default='on')
    parser.add_argument('--contacts', type=int, default=CONTACTS, help='people in the default directory of demo')
    parser.add_argument('--surveys', type=int, default=0, help='so many small surveys more')
    parser.add_argument('--sample', action='append', default=[], choices=samples.KINDS, help='a survey of samples.py')
    parser.add_argument('--set', action='append', default=[], metavar='NAME=JSON', help='a knob of settings.py')
    parser.add_argument('--until-stdin-closes', action='store_true', help='end when stdin reaches its end')
    return parser.parse_args(given)


def knobs(options: argparse.Namespace) -> Settings:
    settings = Settings(limits=options.limits == 'on')
    for text in options.set:
        name, _, value = text.partition('=')
        try:
            settings.update({name: json.loads(value)})
        except ValueError as error:
            sys.exit(f'sandbox: --set {text}: {error}')
    return settings


def account(options: argparse.Namespace) -> Account:
    if options.account == 'recorded':
        made = recorded.account(options.recorded)
    else:
        made = demo.account(options.contacts) if options.account == 'demo' else demo.empty_account()
    for number in range(options.surveys):
        survey = demo.small_survey(make_id('SV_', 'more', number), f'Survey {number:05}', made, number % 7)
        made.surveys[survey.id] = survey
    for kind in options.sample:
        survey = samples.make(kind, made)
        made.surveys[survey.id] = survey
    return made


def box(options: argparse.Namespace, made: Account | None = None) -> Box:
    """What to serve; made: an account that is there already and as wanted, unless it is to be another."""
    settings, token = knobs(options), options.token or random_token()
    if options.replay is None:
        plain = options.account == 'demo' and not (options.surveys or options.sample or options.contacts != CONTACTS)
        return Box(made if made and plain else account(options), settings, token)
    try:
        return replay.Replay(replay.load(options.replay, tuple(options.exchange)), settings, token, options.strict)
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f'sandbox: --replay {options.replay}: {error}')


def serve(box: Box, options: argparse.Namespace, told: str = '') -> None:
    """Tell the address, serve until a signal, and end the process."""
    sys.setswitchinterval(0.002)
    server = Server(box, options.port)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server.start()
    print(f'{box.base_url} {box.token}{told}', flush=True)
    if options.until_stdin_closes:
        threading.Thread(target=lambda: (sys.stdin.buffer.read(), ended.set()), daemon=True).start()
    ended.wait()
    server.stop()
    os._exit(0)


def main() -> None:
    if sys.argv[1:] == ['--nursery']:
        import nursery                  # it imports this module
        nursery.Nursery().run()
        return
    options = arguments(sys.argv[1:])
    serve(box(options), options)


if __name__ == '__main__':
    main()
