"""The knobs and what is written of them."""

import re
from pathlib import Path

from settings import CHOICES, Settings

README = Path(__file__).resolve().parents[1] / 'README.md'


def test_every_knob_of_imports_is_in_the_table():
    text = README.read_text()
    table = text[text.index('### What the sandbox knows of imports'):text.index('## Benchmarks')]
    named = set(re.findall(r'`(\w+)`', table.replace('| fact |', '')))
    knobs = Settings().as_dict()
    source = (Path(__file__).resolve().parents[1] / 'sandbox' / 'settings.py').read_text()
    group = source[source.index('# imports (API.md 4.1, 8)'):source.index('# directories (API.md 7)')]
    expected = set(re.findall(r'^    (\w+): ', group, re.M))
    assert len(expected) > 35 and expected <= named
    cells = [row.rsplit('|', 2)[1] for row in table.splitlines() if row.startswith('|')]
    for name, told in re.findall(r'`(\w+)`: ([^;`]+)', ' ; '.join(cells)):
        words = [re.sub(r' \(.*?\)', '', word).strip(' |') for word in re.sub(r'\([^)]*\)', '', told).split(',')]
        if name in CHOICES:
            assert words == [str(word) for word in CHOICES[name]], name
            assert words[0] == str(knobs[name]), name
        elif words[0] in ('true', 'false'):
            assert knobs[name] is (words[0] == 'true') and words[1] != words[0], name


def test_choices_are_of_knobs_and_the_default_is_one():
    knobs = Settings().as_dict()
    for name, words in CHOICES.items():
        assert knobs[name] in words and len(set(words)) == len(words) > 1, name
