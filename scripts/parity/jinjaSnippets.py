"""Variables and snippets of templates that scripts/parity/jinja.py renders, by group: one a line, or a list."""

DATA = {
    "s": "Hello, World",
    "u": "Ünïcödé 日本語 😀 ß",
    "w": "  \t padded\u00a0\u3000 \n",
    "n": 7,
    "f": 2.5,
    "neg": -3,
    "t": True,
    "no": None,
    "l": [3, 1, 2],
    "words": ["pear", "Apple", "fig", "apple"],
    "d": {"b": 1, "a": [1, 2.5, None, True], "C": {"x": "y"}},
    "people": [
        {"name": "Ann", "age": 31, "role": "user"},
        {"name": "bob", "age": 25, "role": "tool"},
        {"name": "Cid", "age": 31, "role": "user", "tags": ["x", "y"]},
    ],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": " Hi "},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]},
        {"role": "tool", "content": "5"},
        {"role": "assistant", "content": "Five."},
    ],
}
G = {}
G["printing"] = """
{{ s }}|{{ n }}|{{ f }}|{{ t }}|{{ no }}|{{ missing }}
{{ l }}|{{ d }}|{{ people[0] }}
{{ [true, false, none, True, False, None] }}
{{ (1,) }}{{ (1, 2) }}{{ () }}{{ [] }}{{ {} }}
{{ 1, 2 }}
{{ "it's" }}{{ ["it's"] }}{{ ['"'] }}{{ ["'\\""] }}
{{ ['a\\nb', 'c\\td', 'e\\\\f', '\\x00\\x7f\\x85\\xa0\\xad'] }}
{{ ['é日😀', '\\u200b\\u2028\\ufeff', '\\ue000'] }}
{{ [1.0, 1e16, 1e15, 123456789012345680.0, 1e-5, 0.0001, 1.5e300, -0.0] }}
{{ 1e400 }}{{ -1e400 }}{{ [1e400 - 1e400] }}
{{ 0.1 + 0.2 }} {{ 1 / 3 }} {{ 2 / 1 }} {{ 10 // 3 }} {{ 100000000000000000000000 }}
{{ 1_000 }} {{ 0x1f }} {{ 0o17 }} {{ 0b101 }} {{ 1_0.5_0 }} {{ 1e3 }} {{ 1.5E-3 }}
{{ range(3) }} {{ range(1, 9, 2) }} {{ range(3) | list }}
{{ d.keys() }} {{ d.values() }} {{ d.items() }}
{{ namespace(a=1, b='x') }}
{{ {'a': missing} }}{{ [missing] }}
{{ 'a' 'b' "c" }}
{{ {1: 2, 'x': [3], none: (4,), true: 5} }}
{{ "\\u00e9\\U0001f600\\x41\\101\\q" }}
{{ -n }} {{ +n }} {{ - -n }} {{ -f }} {{ -t }} {{ +t }} {{ not t }} {{ not no }}
{{ n if t }}|{{ n if not t }}|{{ n if not t else f }}
{{ 'x' if no else 'y' if t else 'z' }}
"""
G["arithmetic"] = """
{{ 7 + 2 }} {{ 7 - 2 }} {{ 7 * 2 }} {{ 7 / 2 }} {{ 7 // 2 }} {{ 7 % 2 }} {{ 7 ** 2 }}
{{ -7 // 2 }} {{ -7 % 2 }} {{ 7 // -2 }} {{ 7 % -2 }} {{ -7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }}
{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2 ** -1 }} {{ 4 ** 0.5 }} {{ 2 ** 100 }}
{{ 5 / 0.5 }} {{ 1e308 * 10 }} {{ 3 * 1.0 }} {{ 6 - 6.0 }}
{{ true + true }} {{ true * 3 }} {{ false - 1 }} {{ true / 2 }} {{ n % true }}
{{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ 'ab' * 0 }} {{ 'ab' * -1 }} {{ [1] * 2 }} {{ (1,) * 2 }} {{ 'ab' * true }}
{{ 'a' + 'b' }} {{ [1] + [2] }} {{ (1,) + (2,) }}
{{ 'a' ~ 1 ~ 2.0 ~ none ~ true ~ [1] ~ missing }}
{{ 1 + 2 * 3 - 4 / 2 }} {{ (1 + 2) * 3 }} {{ 10 - 2 - 3 }} {{ 100 / 10 / 2 }}
{{ 1 + 2 ~ 3 }}
{{ 1 ~ 2 + 3 }}
{{ 2 * 3 ~ 4 }} {{ 'a' ~ 'b' * 2 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ 1.0 % 0 }}
{{ 0 ** -1 }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ [1] + (2,) }}
{{ none + 1 }}
{{ -'a' }}
{{ 'a' - 'b' }}
{{ {} + {} }}
{{ '%s and %d' % ('a', 3) }} {{ '%5.2f|%-5s|%05d|%x|%%' % (3.14159, 'ab', 42, 255) }}
{{ '%s' % 'x' }} {{ '%(a)s %(b)r' % {'a': 1, 'b': 'x'} }} {{ '%s' % [1, 2] }} {{ '%+d % d' % (3, 4) }}
{{ '%e %g %G %E' % (12345.678, 0.00001234, 1e20, 0.5) }} {{ '%c%c' % ('a', 98) }} {{ '%r' % 'a' }} {{ '%.3s' % 'abcdef' }}
{{ '%d' % 3.99 }} {{ '%i' % true }} {{ '%o %X %#x %#o' % (8, 255, 255, 8) }} {{ '%*d' % (5, 42) }} {{ '%.10g' % 0.1 }}
{{ '%s %s' % 'a' }}
{{ '%d' % 'a' }}
{{ 'x' % 1 }}
{{ '%s' % () }}
{{ 1.5 // 0.5 }} {{ -1 // 3.0 }} {{ 5.5 % 2.25 }} {{ 1e20 // 3 }} {{ 1e16 + 1 }} {{ 12345678901234567890 * 98765432109876543210 }}
{{ 7 // 2.0 }} {{ -0.0 }} {{ 0 * -1.0 }} {{ 3 % 1e400 }} {{ -3 % 1e400 }}
"""
G["comparison"] = """
{{ 1 == 1.0 }} {{ 1 == true }} {{ 0 == false }} {{ '1' == 1 }} {{ none == false }} {{ none == none }}
{{ [1, [2]] == [1, [2]] }} {{ [1] == (1,) }} {{ {'a': 1} == {'a': 1.0} }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }}
{{ missing == missing2 }} {{ missing == none }} {{ missing == '' }} {{ missing != 1 }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 3 > 2 >= 2 }} {{ 1 != 2 != 1 }}
{{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ 'abc' < 'abd' }} {{ 'ab' < 'abc' }} {{ '\\uffff' < '😀' }}
{{ [1, 2] < [1, 3] }} {{ (1, 'a') < (1, 'b') }} {{ [] < [0] }} {{ [1, 'a'] < [2, none] }}
{{ 1 in l }} {{ 9 not in l }} {{ 'ell' in s }} {{ 'b' in d }} {{ 'y' in d.C.values() }} {{ true in [1] }} {{ '' in 'a' }}
{{ 2 in range(5) }} {{ ('b', 1) in d.items() }} {{ 'b' in d.keys() }} {{ none in [none] }} {{ 1 in missing }}
{{ not 1 in [1] }} {{ not (1 in [2]) }} {{ 1 in [1] == true }}
{{ 1 and 2 }} {{ 0 and 2 }} {{ 0 or '' or 'x' }} {{ none or [] }} {{ [] and 1 }} {{ '' or none }} {{ 1 or 2 and 3 }} {{ not 1 or 2 }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ [1] < (1,) }}
{{ {} < {} }}
{{ missing < 1 }}
{{ 1 in 'a' }}
{{ 1 in 5 }}
{{ 1 in none }}
{{ missing in 'abc' }}
{{ missing in ['a', missing] }}
{{ [] in d }}
{{ true > false }} {{ 1.5 >= 1 }} {{ -1 <= -1.0 }} {{ 9007199254740993 == 9007199254740992.0 }} {{ 2 ** 53 + 1 > 2.0 ** 53 }}
{% if 'x' == 'x' and not (1 > 2) or missing %}a{% endif %}
{{ range(3) == range(0, 3) }} {{ range(0) == range(5, 2) }} {{ d.keys() == d.keys() }} {{ 'a' != 'b' }}
{{ '' and missing.x }} {{ missing and missing.x }} {{ true or missing.x }}
"""
G["subscripts"] = """
{{ l[0] }} {{ l[-1] }} {{ l[9] }}|{{ s[0] }} {{ s[-1] }} {{ s[99] }}|{{ u[12] }}
{{ d.b }} {{ d['b'] }} {{ d.C.x }} {{ d['C']['x'] }} {{ d.zzz }}|{{ d['zzz'] }}
{{ l[1:] }} {{ l[:1] }} {{ l[::-1] }} {{ l[::2] }} {{ l[-2:] }} {{ l[:-1] }} {{ l[5:] }} {{ l[:] }} {{ l[2:0:-1] }} {{ l[none:2] }}
{{ s[1:4] }} {{ s[::-1] }} {{ s[-5:] }} {{ s[:-5] }} {{ u[::-1] }} {{ u[8:13] }} {{ s[4:1] }} {{ s[::3] }} {{ s[100:] }}
{{ (1, 2, 3)[1:] }} {{ range(10)[2:5] | list }} {{ (1, 2, 3)[-1] }} {{ range(10)[3] }}
{{ l.0 }} {{ l['0'] }}|{{ d['a'][1] }} {{ people[0].name }} {{ people.2.tags.1 }}
{{ missing.x }}
{{ missing['x'] }}
{{ missing[0] }}
{{ no.x }}|{{ no['x'] }}|{{ n.x }}|{{ n[0] }}
{{ no.x.y }}
{{ l[::0] }}
{{ d[1:2] }}
{{ n[1:2] }}
{{ l['a':] }}
{{ l[1.0] }}|{{ l[true] }}|{{ l[none] }}|{{ l['x'] }}
{{ missing[1:] }}
{{ {'a': 1}['a'] }} {{ {'items': 5}['items'] }} {{ {1: 'x'}[1] }} {{ {1: 'x'}[1.0] }} {{ {1: 'x'}[true] }}
{{ {(1, 2): 'x'}[1, 2] }} {{ {(1, 2): 'x'}[(1, 2)] }}
{{ 'abc'.upper()[0] }} {{ 'abc'['upper']() }} {{ ['a', 'b'][1].upper() }}
{{ l[l[1]] }} {{ messages[-1]['role'] }} {{ messages[1:][0].content }} {{ messages[::-1][0].role }}
{{ d.get('b') }} {{ d.get('q') }} {{ d.get('q', 5) }} {{ d.get('q', missing) }}|
{{ d.__class__ }}
{{ s.__class__.__mro__ }}
{{ s['__class__'] }}
{{ d._x }}|{{ l._x }}
{{ d.update({'a': 1}) }}
{{ l.append(1) }}
{{ l.pop() }}
{{ d.pop('a') }}
{{ d.items()[0] }}
{{ n.real }} {{ f.is_integer() }} {{ n.bit_length() }} {{ f.real }} {{ n.numerator }} {{ t.real }}
{{ l.index(1) }} {{ l.count(3) }} {{ l.copy() }} {{ (1, 2, 1).count(1) }} {{ (5, 6).index(6) }} {{ d.copy() }}
{{ l.index(99) }}
{{ [[1, 2], [3]][0][1] }} {{ {'a': {'b': {'c': 7}}}.a.b.c }}
{{ people | map(attribute='tags.0') | list }}
"""
G["string methods"] = """
{{ s.upper() }} {{ s.lower() }} {{ s.title() }} {{ s.swapcase() }} {{ s.capitalize() }} {{ u.upper() }} {{ u.casefold() }}
[{{ w.strip() }}] [{{ w.lstrip() }}] [{{ w.rstrip() }}] [{{ 'xxaxx'.strip('x') }}] [{{ 'abcba'.strip('ab') }}] [{{ 'xa'.lstrip('x') }}] [{{ 'ax'.rstrip('x') }}] [{{ ' a '.strip(none) }}]
{{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ ' a  b '.split() }} {{ ' a  b '.split(' ') }} {{ ''.split() }} {{ ''.split(',') }} {{ 'a b c'.split(none, 1) }} {{ 'a b c'.split(maxsplit=1) }} {{ 'a-b'.split(sep='-') }}
{{ 'a,b,c'.rsplit(',', 1) }} {{ 'a b  c '.rsplit(none, 1) }} {{ 'a b c'.rsplit() }} {{ 'a,b'.rsplit(',') }}
{{ 'x</think>y</think>z'.split('</think>')[-1] }} {{ 'x'.split('</think>')[0] }} {{ '<think>a</think>b'.split('</think>')[0].split('<think>')[-1] }}
{{ 'a\\nb\\r\\nc\\x0bd\\x85e'.splitlines() }} {{ 'a\\nb'.splitlines(true) }} {{ 'a\\n'.splitlines(keepends=True) }} {{ ''.splitlines() }}
{{ s.replace('l', 'L') }} {{ s.replace('l', 'L', 1) }} {{ 'ab'.replace('', '-') }} {{ 'ab'.replace('', '-', 2) }} {{ 'aaa'.replace('aa', 'b') }}
{{ s.find('o') }} {{ s.rfind('o') }} {{ s.find('q') }} {{ s.find('o', 5) }} {{ s.find('o', 0, 3) }} {{ s.index('W') }} {{ u.find('😀') }} {{ u.find('ß') }} {{ s.find('') }}
{{ s.count('l') }} {{ s.count('') }} {{ 'aaaa'.count('aa') }} {{ s.count('o', 5) }}
{{ s.startswith('Hell') }} {{ s.endswith('ld') }} {{ s.startswith(('x', 'H')) }} {{ s.startswith('ello', 1) }} {{ s.endswith('l', 0, 3) }} {{ s.startswith('') }} {{ s.startswith(()) }}
{{ 'a-b-c'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'abc'.partition('-') }} {{ 'abc'.rpartition('-') }}
{{ ', '.join(['a', 'b']) }} {{ ''.join(('a', 'b')) }} {{ '-'.join('abc') }} {{ '-'.join({'x': 1, 'y': 2}) }} {{ ','.join([]) }}
{{ 'ab'.center(6) }}|{{ 'ab'.center(7, '*') }}|{{ 'abc'.center(6, '-') }}|{{ 'ab'.ljust(4, '.') }}|{{ 'ab'.rjust(4) }}|{{ '42'.zfill(5) }}|{{ '-42'.zfill(5) }}|{{ 'abc'.ljust(2) }}
{{ 'abc'.isalpha() }} {{ 'ab1'.isalnum() }} {{ '12'.isdigit() }} {{ '²'.isdigit() }} {{ '½'.isnumeric() }} {{ '一'.isnumeric() }} {{ '12'.isdecimal() }} {{ ' '.isspace() }} {{ ''.isspace() }} {{ ''.isalpha() }}
{{ 'Abc'.istitle() }} {{ 'ABC'.isupper() }} {{ 'abc'.islower() }} {{ 'a b'.isidentifier() }} {{ 'a_1'.isidentifier() }} {{ 'é'.isascii() }} {{ ''.isascii() }} {{ 'a\\n'.isprintable() }} {{ '1A'.isupper() }} {{ '1'.islower() }}
{{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.txt'.removesuffix('.txt') }} {{ 'x'.removesuffix('') }} {{ 'a\\tb'.expandtabs(4) }} {{ 'a\\tb'.expandtabs() }}
{{ '{} {}'.format('a', 1) }} {{ '{1} {0}'.format('a', 1) }} {{ '{x} {y[0]} {z.b}'.format(x=1, y=[2], z={'b': 3}) }}
{{ '{:>5}|{:<5}|{:^5}|{:*^7}|{:05d}|{:.2f}|{:,}|{:x}|{:%}|{:e}|{!r}'.format('a', 'b', 'c', 'd', 42, 3.14159, 1234567, 255, 0.5, 12345.678, 'q') }}
{{ '{:{w}}|{{}}'.format('a', w=4) }} {{ '{:+d} {: d} {:#x} {:_}'.format(3, 4, 255, 10000) }} {{ '{:g} {:.3g} {:n}'.format(0.1, 1234.5, 5) }} {{ '{:s}'.format('x') }} {{ '{}'.format(none) }} {{ '{}'.format([1]) }}
{{ '{x}'.format_map({'x': 3}) }}
{{ 'ß'.upper() }} {{ 'ǆ'.title() }} {{ 'İ'.lower() | length }} {{ 'ΑΣ'.lower() }} {{ 'ŉ'.upper() }} {{ 'ﬁ'.capitalize() }} {{ 'ß'.casefold() }} {{ 'ΑΣ'.casefold() }}
{{ "they're bill's".title() }} {{ "hello wORLD-x y_z 3rd".title() }} {{ 'aB1'.swapcase() }}
{{ ' '.join([1]) }}
{{ 'a'.split('') }}
{{ 'a'.index('z') }}
{{ 'a'.nope() }}
{{ 'a'.nope }}|
{{ 'a'.upper(1) }}
{{ 'a'.replace('a') }}
{{ 'a'.strip(1) }}
{{ '{}'.format() }}
{{ '{x}'.format() }}
{{ '{'.format() }}
{{ 'a'.startswith(1) }}
{{ 'ab'.center('x') }}
{{ 'abc'.translate({97: 'x'}) }}
{{ no.strip() }}
{{ n.strip() }}
{{ 'a b'.split()[1].upper().lower().strip('b') }}
{{ '\\x1f a\\x85'.strip() }}|{{ '\\u200ba\\u200b'.strip() | length }}|{{ '\\ufeffa'.strip() | length }}
"""
G["filters: text"] = """
{{ s | upper }} {{ s | lower }} {{ 'hello wORLD' | capitalize }} {{ "it's a-b (c) <d> [e] {f} x.y" | title }} {{ 3 | upper }} {{ none | lower }}
[{{ w | trim }}] [{{ 'xxaxx' | trim('x') }}] [{{ 5 | trim }}] [{{ missing | trim }}] [{{ ' a ' | trim(none) }}]
{{ s | replace('l', 'L') }} {{ s | replace('l', 'L', 2) }} {{ 5 | replace('5', 'x') }} {{ 'aa' | replace('a', 1) }} {{ 'ab' | replace('', '.') }}
{{ s | length }} {{ u | length }} {{ l | count }} {{ d | length }} {{ missing | length }} {{ range(4) | length }} {{ d.items() | length }}
{{ s | string }} {{ 5 | string | length }} {{ none | string }} {{ [1] | string }} {{ missing | string }}|
{{ s | reverse }} {{ l | reverse | list }} {{ u | reverse }} {{ d | reverse | list }} {{ range(3) | reverse | list }} {{ (1, 2) | reverse | list }}
{{ 'a<b>&"\\'' | e }} {{ 'a<b>' | escape }} {{ '<b>' | safe }} {{ '<i>' | forceescape }} {{ '<b>' | e | e }} {{ ['<'] | e }} {{ 1 | e }} {{ none | e }}
{{ 'a<b>' | e ~ '<c>' }} {{ ('<' | e) + '<' }} {{ '%s' % ('<' | e) }} {{ ('<' | safe) ~ '&' }} {{ ('<b>' | safe) + '<' + 'x' }} {{ 'a' + ('&' | e) }} {{ ('%s' | safe) % '<' }} {{ ('<' | safe) * 2 }} {{ [('<' | safe)] | join('&') }} {{ ('<' | safe) == '<' }} {{ ('a' | e) in ['a'] }} {{ ('<' | e) | tojson }} {{ ({'<': 1})[('<' | safe)] }} {{ ('<a>' | e).upper() }} {{ ('<' | e) is string }} {{ ('<' | e) is escaped }} {{ '<' | safe | upper | e }}
{{ 'x' | center(5) }}| {{ 'ab' | center(5) }}| {{ 'ab' | center | length }} {{ 'abcdef' | center(3) }}
{{ 'a\\nb\\n\\nc' | indent }}|{{ 'a\\nb' | indent(2, true) }}|{{ 'a\\n\\nb' | indent(2, blank=true) }}|{{ 'a\\nb' | indent('> ') }}|{{ 'a\\nb' | indent(width=1, first=True) }}|{{ 'a\\n' | indent }}|{{ 'a\\r\\nb' | indent }}|{{ '' | indent(first=true) }}|{{ '\\n\\na' | indent(2) }}
{{ 'The quick brown fox jumps' | truncate(12) }} {{ 'The quick brown fox jumps' | truncate(12, true) }} {{ 'The quick' | truncate(6, leeway=0) }} {{ 'The quick' | truncate(7, false, '…', 0) }} {{ 'short' | truncate(3) }} {{ 'Thequickbrownfox' | truncate(9, end='!', leeway=0) }}
{{ 'The quick brown fox' | wordcount }} {{ "it's 3 a_b" | wordcount }} {{ '' | wordcount }}
{{ '<p>a <b>b</b>  c<!-- x -->d</p>' | striptags }} {{ 'a &lt; b' | striptags }} {{ '&amp;&#65;&#x42;' | striptags }}
{{ 'a b/c?d=é&f' | urlencode }} {{ {'a': 1, 'b c': 'd/e'} | urlencode }} {{ [('x', 1), ('y', none)] | urlencode }} {{ 5 | urlencode }} {{ "~-_.!*'()" | urlencode }}
{{ 0 | filesizeformat }} {{ 1 | filesizeformat }} {{ 999 | filesizeformat }} {{ 1000 | filesizeformat }} {{ 1234567 | filesizeformat }} {{ 1234567 | filesizeformat(true) }} {{ 1e30 | filesizeformat }} {{ '1500' | filesizeformat }} {{ 1024 | filesizeformat(binary=true) }}
{{ '%s, %s' | format('a', 2) }} {{ '%(x)s' | format(x=1) }} {{ 'x' | format }} {{ '%.1f' | format(2.25) }} {{ '%d%%' | format(5) }}
{{ {'a': 1, 'b': none, 'c': 'x"y', 'd': missing} | xmlattr }}|{{ {'a': 1} | xmlattr(false) }}|{{ {} | xmlattr }}
{{ 'abc' | first }} {{ 'abc' | last }} {{ 'cab' | sort }} {{ 'abc' | list }} {{ 'abc' | join('-') }} {{ 'abc' | map('upper') | join }}
{{ 'x' | default('y') }} {{ missing | default('y') }} {{ missing | d }}| {{ '' | default('y') }}| {{ '' | default('y', true) }} {{ none | default('y') }} {{ none | d('y', boolean=true) }}
{{ missing.x | default(1) }}
{{ d.zzz | default('y') }} {{ missing | default(default_value=3) }} {{ missing | default(none) }} {{ 0 | default(5, true) }}
{{ 'a' | nosuch }}
{% if false %}{{ 'a' | nosuch }}{% endif %}ok
{{ 'a' is nosuch }}
{{ 'a' | nosuch if false else 'b' }}
{{ no | trim('x') }}
{{ 5 | indent }}
{{ n | length }}
{{ s | upper(1) }}
{{ s | replace('l') }}
{{ s | truncate(2) }}
{{ 'a' | format(1, x=2) }}
{{ '%d' | format('x') }}
{% filter upper %}a{{ s }}{% endfilter %} {% filter replace('a', 'b') | upper %}cab{% endfilter %}
{{ s|upper|replace('L','!')|length }} {{ (s|upper)[0] }} {{ -3|abs }} {{ 'a'|upper ~ 'b' }} {{ 1 + 2|string|length }}
"""
G["filters: lists"] = """
{{ l | first }} {{ l | last }} {{ [] | first }}| {{ [] | last }}| {{ d | first }} {{ d | last }} {{ people | map(attribute='name') | first }}
{{ l | join }} {{ l | join(', ') }} {{ people | join(', ', attribute='name') }} {{ [1, none, true, 2.0] | join('-') }} {{ missing | join(',') }} {{ d | join('|') }} {{ ['a', missing] | join('-') }}
{{ l | sort }} {{ l | sort(reverse=true) }} {{ words | sort }} {{ words | sort(case_sensitive=true) }} {{ people | sort(attribute='age') | map(attribute='name') | list }} {{ people | sort(attribute='age,name') | map(attribute='name') | list }} {{ people | sort(true, attribute='age') | map(attribute='name') | list }}
{{ d | dictsort }} {{ {'b': 1, 'a': 2} | dictsort(by='value') }} {{ {'B': 1, 'a': 2} | dictsort(true) }} {{ {'b': 1, 'a': 2} | dictsort(reverse=true) }} {{ {'b': 'Z', 'a': 'y'} | dictsort(false, 'value') }}
{{ words | unique | list }} {{ words | unique(true) | list }} {{ people | unique(attribute='age') | map(attribute='name') | list }} {{ [1, true, 1.0, '1'] | unique | list }}
{{ people | groupby('age') | list | length }} {% for a, xs in people | groupby('age') %}{{ a }}:{{ xs | map(attribute='name') | join(',') }};{% endfor %} {% for g in people | groupby('role') %}{{ g.grouper }}={{ g.list | length }} {% endfor %}
{% for g in people | groupby('tags', default='none') %}{% endfor %}
{% for g in people | groupby('city', default='none') %}{{ g.grouper }};{% endfor %}
{% for g in words | groupby('0') %}{{ g }}{% endfor %}
{{ (people | groupby('age'))[0] }}
{{ l | min }} {{ l | max }} {{ words | min }} {{ words | max(true) }} {{ people | max(attribute='age') }} {{ [] | max }}| {{ people | min(attribute='name') }}
{{ l | sum }} {{ people | sum(attribute='age') }} {{ [1.5, 2] | sum(start=10) }} {{ [] | sum }} {{ [0.1, 0.2, 0.3] | sum }}
{{ [0.1] * 10 | sum }}
{{ [[1], [2]] | sum(start=[]) }}
{{ range(7) | batch(3) | list }} {{ range(7) | batch(3, 'x') | list }} {{ range(7) | slice(3) | list }} {{ range(7) | slice(3, 'x') | list }} {{ [] | batch(2) | list }}
{{ people | map(attribute='name') | list }} {{ words | map('upper') | list }} {{ words | map('replace', 'p', 'P') | list }} {{ people | map(attribute='tags', default=[]) | list }} {{ people | map(attribute='zz') | list }} {{ [1, 2] | map('string') | list }} {{ words | map('truncate', 3, leeway=0, killwords=true, end='') | list }}
{{ l | select('odd') | list }} {{ l | reject('odd') | list }} {{ [0, 1, '', 'a', none] | select | list }} {{ [0, 1, ''] | reject | list }} {{ l | select('>', 1) | list }} {{ l | select('in', [1, 3]) | list }} {{ words | select('equalto', 'fig') | list }}
{{ people | selectattr('role', 'equalto', 'user') | map(attribute='name') | list }} {{ people | rejectattr('role', 'eq', 'user') | map(attribute='name') | join }} {{ people | selectattr('tags') | list | length }} {{ people | selectattr('tags', 'defined') | list | length }} {{ people | selectattr('age', '>', 30) | list | length }} {{ messages | selectattr('role', 'in', ['user', 'tool']) | map(attribute='content') | list }} {{ people | rejectattr('tags') | list | length }}
{{ (messages | selectattr('role', 'equalto', 'assistant') | list)[-1].content }} {{ messages | rejectattr('content', 'none') | list | length }} {{ messages | selectattr('tool_calls', 'defined') | first }}
{{ d | items | list }} {{ missing | items | list }} {% for k, v in d | items %}{{ k }};{% endfor %}
{{ l | list }} {{ d | list }} {{ 'ab' | list }} {{ missing | list }} {{ (1, 2) | list }} {{ d.items() | list }}
{{ 5.7 | int }} {{ '5' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ '0x1f' | int(base=16) }} {{ '1f' | int(0, 16) }} {{ none | int }} {{ ' 42 ' | int }} {{ '3.9' | int }} {{ true | int }} {{ '1e3' | int }} {{ '1_000' | int }} {{ [] | int(9) }} {{ -5.7 | int }} {{ '٣' | int }}
{{ '5.5' | float }} {{ 5 | float }} {{ 'x' | float }} {{ 'x' | float(1.5) }} {{ none | float }} {{ '1e3' | float }} {{ 'inf' | float }} {{ 'nan' | float }} {{ ' 2 ' | float }}
{{ 2.5 | round }} {{ 3.5 | round }} {{ -2.5 | round }} {{ 2.567 | round(2) }} {{ 2.565 | round(2) }} {{ 1234 | round(-2) }} {{ 2.1 | round(method='ceil') }} {{ 2.9 | round(0, 'floor') }} {{ 2.123 | round(2, 'ceil') }} {{ 5 | round }} {{ 1250 | round(-2) }} {{ 42 | round(1) }} {{ 0.5 | round }} {{ 1e20 | round }} {{ 2.675 | round(2) }} {{ 1234.5 | round(-2) }}
{{ -3 | abs }} {{ -2.5 | abs }} {{ true | abs }} {{ d.C | attr('x') }}|
{{ [3, 'a'] | sort }}
{{ [1, none] | max }}
{{ d | sum }}
{{ ['a'] | sum }}
{{ 5 | list }}
{{ no | join(',') }}
{{ 5 | first }}
{{ people | map('nosuch') | list }}
{{ people | map | list }}
{{ people | map(foo='x') | list }}
{{ l | select('nosuch') | list }}
{{ people | selectattr | list }}
{{ 5 | items | list }}
{{ [[1], [1]] | unique | list }}
{{ l | batch(0) | list }}
{{ l | slice(0) | list }}
{{ 'a' | round }}
{{ 1 | round(1, 'x') }}
{{ {} | dictsort(by='x') }}
{{ missing | int }}
{{ missing | float }}
{{ missing | round }}
{{ missing | abs }}
{{ missing | sort }} {{ missing | sum }} {{ missing | unique | list }} {{ missing | map('upper') | list }} {{ missing | select | list }} {{ missing | min }}|{{ missing | reverse | list }}
{{ missing | first }}|{{ missing | last }}|
{{ l | select('odd') | sum }} {{ l | map('float') | sum }} {{ people | map(attribute='age') | select('gt', 30) | list | count }}
{{ l | map('int') | map('string') | join('+') }} {{ people | map(attribute='name') | map('lower') | sort | join(' ') }} {{ people | sort(attribute='name', reverse=true) | map(attribute='name') | join }}
{{ people | map('attr', 'name') | list }} {{ people | map('items') | map('list') | first }}
"""
G["tojson"] = """
{{ d | tojson }} {{ l | tojson }} {{ s | tojson }} {{ u | tojson }} {{ no | tojson }} {{ t | tojson }} {{ f | tojson }} {{ n | tojson }}
{{ d | tojson(indent=2) }}
{{ d | tojson(indent=4) }}
{{ people | tojson(indent=4) }}
{{ d | tojson(indent='\\t') }} {{ {} | tojson(indent=2) }} {{ [] | tojson(indent=2) }} {{ {'a': [], 'b': {}} | tojson(indent=1) }} {{ [1, [2]] | tojson(indent=0) }} {{ [1] | tojson(indent=none) }} {{ [1] | tojson(indent=-1) }}
{{ d | tojson(separators=(',', ':')) }} {{ d | tojson(separators=[', ', ' = '], indent=2) }} {{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }} {{ u | tojson(ensure_ascii=true) }} {{ u | tojson(true) }} {{ l | tojson(false, 1) }}
{{ 'a<b>&\\'"' | tojson }} {{ 'a\\n\\t\\r\\b\\f\\\\/\\x00\\x1f\\x7f' | tojson }} {{ '\\u2028\\ue000' | tojson }} {{ '\\x7f\\x80😀' | tojson(ensure_ascii=true) }}
{{ [1.0, 1e16, 1e-7, 0.1, 100000000000000000000, -0.0, 1e400, 1.5e-10] | tojson }}
{{ {1: 'a', 1.5: 'b', true: 'c', none: 'd'} | tojson }} {{ {2: 1, false: 2, 'x': 3} | tojson }}
{{ (1, 2) | tojson }} {{ range(2) | list | tojson }} {{ 'x' | tojson | length }} {{ {'a': 'b'} | tojson | upper }}
{{ missing | tojson }}
{{ range(2) | tojson }}
{{ d.items() | tojson }}
{{ {(1, 2): 3} | tojson }}
{{ namespace() | tojson }}
{{ [missing] | tojson }}
{{ d | tojson(2, 3, 4, 5, 6) }}
{{ d | tojson(indnt=2) }}
{{ {'b': 1, 2: 2} | tojson(sort_keys=true) }}
{{ people | map(attribute='name') | tojson }}
{{ people | map(attribute='name') | list | tojson }} {{ messages[2].tool_calls[0].function | tojson }} {{ messages[2].tool_calls | map(attribute='function') | list | tojson(indent=4) }}
"""
G["tests"] = """
{{ 1 is odd }} {{ 2 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 1.0 is odd }} {{ true is odd }}
{{ s is defined }} {{ missing is defined }} {{ missing is undefined }} {{ d.zz is defined }} {{ d.b is defined }} {{ no is defined }} {{ missing is not defined }} {{ s is not undefined }}
{{ no is none }} {{ missing is none }} {{ 0 is none }} {{ no is not none }}
{{ true is boolean }} {{ 1 is boolean }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }}
{{ 1 is integer }} {{ true is integer }} {{ 1.0 is float }} {{ 1 is float }} {{ 1 is number }} {{ true is number }} {{ '1' is number }}
{{ 'a' is string }} {{ 1 is string }} {{ no is string }} {{ missing is string }} {{ ['a'] is string }}
{{ 'a' is lower }} {{ 'A' is upper }} {{ 'aB' is lower }} {{ '1' is lower }} {{ '' is upper }}
{{ d is mapping }} {{ l is mapping }} {{ namespace() is mapping }} {{ missing is mapping }}
{{ l is sequence }} {{ d is sequence }} {{ 'a' is sequence }} {{ 5 is sequence }} {{ missing is sequence }} {{ (1,) is sequence }} {{ range(2) is sequence }} {{ d.items() is sequence }} {{ none is sequence }}
{{ l is iterable }} {{ d is iterable }} {{ 'a' is iterable }} {{ 5 is iterable }} {{ missing is iterable }} {{ none is iterable }} {{ d.items() is iterable }} {{ (l | select) is iterable }}
{{ range is callable }} {{ s is callable }} {{ s.upper is callable }} {{ missing is callable }} {{ namespace is callable }} {{ dict is callable }}
{{ 1 is sameas 1 }} {{ none is sameas none }} {{ 1 is sameas true }} {{ l is sameas l }} {{ l is sameas [3, 1, 2] }}
{{ 1 is in l }} {{ 1 is in [2] }} {{ 'a' is in 'abc' }} {{ 1 is not in l }}
{{ 1 is eq 1 }} {{ 1 is equalto 2 }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 1 is le 1 }} {{ 2 is gt 1 }} {{ 2 is ge 3 }} {{ 1 is lessthan 2 }} {{ 2 is greaterthan 1 }}
{{ 1 is == 1 }}
{{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ 'nope' is test }} {{ 'a' is escaped }}
{{ s is defined and s is string }} {{ not s is defined }} {{ 1 is odd and 2 is odd }} {{ 1 + 1 is even }} {{ (1 + 1) is even }}
{{ 1 is odd if 1 is defined else 2 }}
{{ d.b is defined and d.b == 1 }} {{ 3 is divisibleby 3 and 4 is divisibleby 2 }} {{ [1 is odd, 2 is odd] }}
{{ 'x' is string ~ 'y' }}
{{ 'a' is odd }}
{{ missing is odd }}
{{ 1 is lt 'a' }}
{{ 1 is divisibleby 0 }}
{{ 1 is divisibleby }}
{{ 1 is in 5 }}
{{ [] is filter }}
{{ 1 is defined is defined }}
{{ missing.x is defined }}
{{ d.x.y is defined }}
{{ messages[0]['role'] is string and messages[0].content is not none }} {{ messages[2].content is string }} {{ messages[0].tool_calls is defined }} {{ messages[2].tool_calls is iterable }}
"""
G["for loops"] = """
{% for x in l %}{{ loop.index }},{{ loop.index0 }},{{ loop.revindex }},{{ loop.revindex0 }},{{ loop.first }},{{ loop.last }},{{ loop.length }},{{ loop.depth }},{{ loop.depth0 }};{% endfor %}
{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}
{% for x in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }} {% endfor %}
{% for x in [] %}a{% else %}none{% endfor %} {% for x in l %}a{% else %}none{% endfor %} {% for x in missing %}a{% else %}undefined{% endfor %}
{% for x in l if x > 1 %}{{ x }}{{ loop.length }}{{ loop.last }} {% endfor %} {% for x in l if x > 9 %}a{% else %}nothing{% endfor %}
{% for k in d %}{{ k }}{% endfor %} {% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %} {% for a, b in [(1, 2), [3, 4], 'xy'] %}{{ a }}{{ b }} {% endfor %} {% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for c in 'aé😀' %}[{{ c }}]{% endfor %} {% for i in range(3, 0, -1) %}{{ i }}{% endfor %}
{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %} {% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% for x in l %}{% break %}{% else %}else{% endfor %} {% for x in l %}{% continue %}{% else %}else{% endfor %} {% for x in l %}{% if loop.last %}{% continue %}{% endif %}a{% else %}else{% endfor %}
{% for x in l %}{% for y in l %}{{ x * y }}{% if not loop.last %},{% endif %}{% endfor %};{% endfor %} {% for x in l %}{% set outer = loop %}{% for y in 'ab' %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}
{% for x in [[1, [2, [3]]], [4]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}
{% for x in l | reverse %}{{ x }}{{ loop.last }} {% endfor %} {% for x in l | select('odd') %}{{ loop.index }}{{ loop.length }}{{ loop.last }} {% endfor %}
{% for x in l %}{% set y = x %}{% endfor %}{{ y }}| {% set y = 0 %}{% for x in l %}{% set y = y + x %}{{ y }} {% endfor %}{{ y }}
{% set x = 'out' %}{% for x in l %}{{ x }}{% endfor %}{{ x }} {% for x in l %}{% endfor %}{{ loop }}|
{% set ns = namespace(n=0, found=false) %}{% for x in l %}{% set ns.n = ns.n + x %}{% if x == 1 %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.n }}{{ ns.found }}
{% for m in messages[::-1] %}{{ loop.index0 }}{{ m.role[0] }}{% endfor %} {% for m in messages %}{% if loop.index0 % 2 == 0 %}{{ m.role }}{% endif %}{% if not loop.last and messages[loop.index0 + 1].role == 'tool' %}>{% endif %}{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in none %}{% endfor %}
{% for a, b in [1] %}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{% endfor %}
{% break %}
{% if true %}{% continue %}{% endif %}
{% for x in l %}{{ loop(x) }}{% endfor %}
{% for x in l %}
{% for loop in l %}{{ loop }}{% endfor %}
{% for x in l %}{% set loop = 1 %}{% endfor %}
{% for x in l %}{% macro m() %}{{ loop.index }}{% endmacro %}{{ m() }}{% endfor %}
{% for x in l %}{% set t %}{{ loop.index }}{% endset %}{{ t }}{% endfor %}
{% for x in l recursive %}{{ x }}{% endfor %} {% for x in l if loop is defined %}{{ x }}{% endfor %}|{% for x in l if x is odd %}{{ loop.previtem }}-{{ loop.nextitem }} {% endfor %}
{% for x in (1, 2), %}{{ x }}{% endfor %} {% for x in 1, 2, 3 %}{{ x }}{% endfor %} {% for x in [1, 2] + [3] %}{{ x }}{% endfor %}
{% for x in l if true else [] %}{{ x }}{% endfor %}
{% for i in range(200000) %}{% endfor %}
{% for x in l %}{% with %}{% set y = 1 %}{% endwith %}{{ y }}{% endfor %}|{% for x in l %}{% if loop.first %}{% set q = 5 %}{% endif %}{{ q }};{% endfor %}
"""
G["set and scope"] = """
{% set a = 1 %}{{ a }} {% set a, b = 1, 2 %}{{ a }}{{ b }} {% set (c, d2) = [3, 4] %}{{ c }}{{ d2 }} {% set x = 1, %}{{ x }}
{% set a %}block {{ n }}{% endset %}[{{ a }}] {% set a | upper %}block{% endset %}{{ a }} {% set a | replace('b', 'c') | upper %}b{% endset %}{{ a }}
{% if t %}{% set a = 1 %}{% endif %}{{ a }} {% if not t %}{% set b = 1 %}{% endif %}{{ b }}| {% if not t %}{% set s = 'changed' %}{% endif %}{{ s }} {% if t %}{% set s = 'changed' %}{% endif %}{{ s }}
{% if t %}{% set a = 1 %}{% else %}{% set a = 2 %}{% endif %}{{ a }} {% if no %}{% set a = 3 %}{% elif t %}{% set a = 4 %}{% endif %}{{ a }}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% set a = 5 %}{{ a }}{% endwith %}{{ a }}| {% with %}{% set q = 3 %}{{ q }}{% endwith %}{{ q }}| {% set a = 9 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}
{% set ns = namespace() %}{% set ns.a = 1 %}{% set ns.b = [ns.a] %}{{ ns.a }}{{ ns.b }}{{ ns.c }}| {% set ns.a %}blk{% endset %}{{ ns.a }} {{ ns['a'] }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }} {% set ns2 = namespace(d) %}{{ ns2.b }} {% set ns.a, ns.b = 5, 6 %}{{ ns.a }}{{ ns.b }}
{% set a = {} %}{% set a.b = 1 %}
{% set missing.b = 1 %}
{% set ns = namespace(_x=1) %}
{% set ns = namespace() %}{% set ns._x = 1 %}
{% set ns = namespace(1) %}
{% set a, b = 1, 2, 3 %}
{% set a, b = 5 %}
{% set 1 = 2 %}
{% set a.b.c = 2 %}
{% set a['b'] = 2 %}
{% set none = 2 %}
{% set %}
{% set a = %}
{% set a = 1 %}{% macro m() %}{{ a }}{% set a = 2 %}{{ a }}{% endmacro %}{{ m() }}{{ a }}
{% macro m() %}{{ later }}{% endmacro %}{% set later = 1 %}{{ m() }}| {% set z = 1 %}{% macro k() %}{{ z }}{% endmacro %}{% set z = 2 %}{{ k() }}
{% set a = 1 %}{% if t %}{% for i in [1] %}{% set a = 2 %}{{ a }}{% endfor %}{{ a }}{% endif %}
{{ a }}{% set a = 1 %}{{ a }}|{{ s }}{% set s = 'new' %}{{ s }}
{% set a = a | default('dflt') %}{{ a }} {% set tools = tools if tools is defined else none %}{{ tools }} {% set messages = messages[1:] %}{{ messages | length }}
{% if messages[0].role == 'system' %}{% set loop_messages = messages[1:] %}{% set system = messages[0].content %}{% else %}{% set loop_messages = messages %}{% endif %}{{ loop_messages | length }}{{ system }}
{% set f = s.upper %}{{ f() }} {% set g = range %}{{ g(2) | list }} {% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }} {% set j = joiner('; ') %}{{ j() }}a{{ j() }}b
{% set a = [] %}{% set a = a + [1] %}{{ a }} {% set x = true %}{% set y = not x %}{{ y }} {% set z = x and 'p' or 'q' %}{{ z }}
{% filter upper %}{% set inner = 'a' %}{{ inner }}{% endfilter %}{{ inner }}|{% set v %}{% set inner2 = 'b' %}{{ inner2 }}{% endset %}{{ inner2 }}|{{ v }}
{% generation %}{% set gen = 1 %}x{{ gen }}{% endgeneration %}{{ gen }}|{% for m in messages %}{%- generation -%} {{ loop.index }} {%- endgeneration -%}{% endfor %}
{% set ns = namespace(a=1) %}{% macro inc() %}{% set ns.a = ns.a + 1 %}{% endmacro %}{{ inc() }}{{ inc() }}{{ ns.a }}
{% set a = 1 %}{% set b = a %}{% set a = 2 %}{{ b }}{% if t %}{% if t %}{% set a = 3 %}{% endif %}{% endif %}{{ a }}
{% print 1, s %}{% do 1 %}
{{ dict(a=1) }} {{ dict([('x', 1)], y=2) }} {{ dict({'a': 1}).a }} {{ dict.fromkeys(['a', 'b'], 0) }} {{ dict() }}
{{ caller }}|{{ varargs }}|{{ kwargs }}
"""
G["macros"] = """
{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c=5) }}{{ m(b=7, a=8) }}{{ m() }}{{ m(none) }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }} {{ m(*[1, 2], **{'k': 3}) }}
{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}inner {{ n }}{% endcall %} {% macro k(x) %}<{{ caller(x) }}>{% endmacro %}{% call(v) k(5) %}{{ v }}!{% endcall %}
{% macro outer() %}{% macro inner() %}in{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }} {{ inner is defined }}
{% macro fact(n) %}{% if n <= 1 %}1{% else %}{{ n * fact(n - 1) | int }}{% endif %}{% endmacro %}{{ fact(5) }}
{% macro m(a, b) %}{% endmacro %}{{ m.name }} {{ m.arguments }} {{ m.catch_kwargs }} {{ m.catch_varargs }} {{ m.caller }} {{ m is callable }}
{% macro m() %}  x  {% endmacro %}[{{ m() | trim }}]{{ m() | length }}{{ m() == '  x  ' }} {% set r = m() %}[{{ r }}] {{ m() ~ 'y' }} {{ (m() + 'z') | trim }}
{% macro m(x) %}{{ x }}{% endmacro %}{% for i in l %}{{ m(i) }}{% endfor %} {{ l | map('string') | map('upper') | join }} {% macro q(n) %}{{ n }}{{ s }}{% endmacro %}{{ q('a') }}
{% macro m(a, caller=none) %}{{ a }}{% if caller %}{{ caller() }}{% endif %}{% endmacro %}{{ m(1) }}{% call m(2) %}c{% endcall %}
{{ m() }}{% macro m() %}x{% endmacro %}
{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{% endmacro %}{{ m(z=1) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m(a=1, b) %}{% endmacro %}
{% macro m(a, a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m %}{% endmacro %}
{% macro %}{% endmacro %}
{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}
{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}
{% call s.upper() %}x{% endcall %}
{% call 5 %}{% endcall %}
{% macro m(x) %}{% if x %}{% for c in x %}{{ c }}{% if not loop.last %},{% endif %}{% endfor %}{% else %}empty{% endif %}{% endmacro %}{{ m('abc') }}{{ m([]) }}
{% macro render(v, depth=0) %}{% if v is mapping %}{{ '{' }}{% for k, x in v | dictsort %}{{ k }}:{{ render(x, depth + 1) }}{% if not loop.last %},{% endif %}{% endfor %}{{ '}' }}{% elif v is iterable and v is not string %}[{% for x in v %}{{ render(x, depth + 1) }}{{ ',' if not loop.last }}{% endfor %}]{% else %}{{ v }}@{{ depth }}{% endif %}{% endmacro %}{{ render(d) }}
{% macro m() %}{{ varargs | length }}{{ varargs[0] }}{% endmacro %}{{ m('a', 'b') }} {% macro k() %}{{ kwargs.x }}{{ kwargs | length }}{% endmacro %}{{ k(x=1) }}
{% macro m(a=missing) %}{{ a is defined }}{{ a }}{% endmacro %}{{ m() }} {% macro k(a=[]) %}{{ a + [1] }}{% endmacro %}{{ k() }}{{ k([0]) }} {% macro p(a, b=a * 2) %}{{ b }}{% endmacro %}{{ p(4) }}
{% macro m() %}{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}{% endmacro %}{{ m() }}{% for x in l %}{% call m() %}{% break %}{% endcall %}{% endfor %}
{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}
{{ range() }}
{{ range('a') }}
{{ range(1, 2, 0) | list }}
{{ s() }}
{{ n() }}
{{ missing() }}
{{ m(1)(2) }}
{{ raise_exception('Roles must alternate') }}
{{ raise_exception() }}
{{ raise_exception('a') if false }}ok
{{ dict(1) }}
{{ range(3, stop=4) }}
{{ cycler() }}
"""
G["whitespace"] = [
    "a\n{% if t %}\nb\n{% endif %}\nc\n",
    "a\n  {% if t %}\n  b\n  {% endif %}\nc\n\n",
    "a {%- if t -%} b {%- endif -%} c",
    "a {%+ if t +%}\n b {%+ endif +%}\n c",
    "  {%- if t %} x {% endif -%}  \n y",
    "{{ s -}}   \n  x  {{- s }}",
    "{{- s -}}\n\n{{- s -}}",
    "a\n   {{ s }}\nb",
    "a\n   {# comment #}\nb\n",
    "a {#- comment -#} b",
    "a\n   {#+ comment +#}\nb",
    "x{# a {% if %} {{ b }} #}y",
    "{# multi\nline #}z",
    "{% raw %}{{ a }}{% if %}{# #}{% endraw %}",
    "a {%- raw -%}  {{ b }}  {%- endraw -%} c",
    "{% raw %}\n  x\n{% endraw %}\n  y\n",
    "  {% raw %} x {% endraw %}  z",
    "{% raw %} x",
    "\n\n{% if t %}\n\nb{% endif %}\n\n",
    "a\r\nb\r\n{% if t %}\r\nc\r\n{% endif %}\r\nd\r\n",
    "a\rb{{ '\r' }}{{ '\\r\\n' }}",
    "{% for x in l %}\n  {{ x }}\n{% endfor %}\nend",
    "{% for x in l -%}\n  {{ x }},\n{%- endfor %}\nend",
    "{%- for x in l %}\n  {{- x }}\n{%- endfor %}\nend",
    "\t{% if t %}\tx\t{% endif %}\t\n",
    "x  {% if t %}y{% endif %}  {% if t %}z{% endif %}\n",
    "  {% if t %}{% if t %}\n  a\n  {% endif %}{% endif %}\n",
    "{% if t %}\n  {% if t %}\n    x\n  {% endif %}\n{% endif %}\n",
    "\u00a0{% if t %}x{% endif %}\u00a0",
    "a\n\u3000{% if t %}x{% endif %}",
    "a \u00a0{%- if t %}x{% endif -%}\u2003 b",
    "line\n    {%- if t %}\n    x\n    {%- endif %}\n",
    "{{ '{{' }} {{ '%}' }} {{ '}}' }} {{ '#}' }}",
    "{% set x = '{% raw %}' %}{{ x }}",
    "{ { a } } {a} % } #} }} %}",
    "{{ {'a': {'b': 1}} }}{{ {'a': 1}}}",
    "{{ [1,2,] }}{{ {'a':1,} }}{{ (1,2,) }}",
    "{{-1}}{{- 1}}{{ -1}}{{+1}}{{1-}} x",
    "{%-if t-%}a{%-endif-%}",
    "{%if t%}a{%else%}b{%endif%}{%if no%}a{%elif t%}c{%endif%}",
    "{% if t: %}a{% endif %}{% for x in l: %}{{ x }}{% endfor %}",
    "{{\n  s\n  |\n  upper\n}}{%\nif t\n%}x{%\nendif\n%}",
    "end with newline {{ 'x\n' }}\n",
    "two\n\n",
    "a{% if t %}\n\n  b{% endif %}",
    "{{ s }}\n{{ s }}\n",
    "{% set x %}\n  a\n{% endset %}[{{ x }}]",
    "{% macro m() %}\n  a\n{% endmacro %}[{{ m() }}]",
    "{% generation %}\n  a\n{% endgeneration %}\nb",
    "{%- generation -%}\n  a\n{%- endgeneration -%}\nb",
    "a\n  {%+ if t %}b{% endif %}",
    "<|im_start|>{{ s }}<|im_end|>\n{% if t %}<|x|>{% endif %}",
    "{# {{ x }} #}{#a#}{##}{#-#}x{#-   -#}",
    "a  {#- x #}  b  {# y -#}  c",
    "{{ s }}  \n  {%- if t %}  z{% endif %}",
    "\u2028{% if t %}x{% endif %}\x0b{% if t %}y{% endif %}\x0c",
    "a\x85  {% if t %}x{% endif %}\nb",
    "\n",
    "",
    "{{ '' }}",
    "\\\n{{ 'a\\\\n' }}",
    "emoji 😀{% if t %} 日本 {% endif %}é",
]
G["syntax faults"] = """
{{ }}
{{ foo( }}
{{ 'a }}
{{ a b }}
{{ 1 2 }}
{{ a. }}
{{ a.'b' }}
{{ a[ }}
{{ [1, 2 }}
{{ (1] }}
{{ a | }}
{{ a is }}
{{ a + }}
{{ * a }}
{{ a if }}
{{ a ? b : c }}
{{ a = 1 }}
{{ 'a' is not }}
{{ a not b }}
{{ a and }}
{{ not }}
{{ {a} }}
{{ {'a': } }}
{{ $a }}
{{ a ! b }}
{{ a && b }}
{{ f(a=1, 2) }}
{{ f(a=1, a=2) }}
{{ f(**a, b) }}
{{ f(*a, *b) }}
{{ 1..2 }}
{{ '\\x4' }}
{{ '\\u12' }}
{{ a[1:2, 3:4] }}
{{ a[] }}
{% if %}{% endif %}
{% if t %}
{% if t %}{% endfor %}
{% endif %}
{% else %}
{% elif t %}
{% if t %}{% else %}{% else %}{% endif %}
{% for %}{% endfor %}
{% for x l %}{% endfor %}
{% for x in %}{% endfor %}
{% for 1 in l %}{% endfor %}
{% for x.y in l %}{% endfor %}
{% unknown %}
{% %}
{% if t %}a{% endif x %}
{% generation %}x
{% endgeneration %}
{% raw %}{% endraw
{% set a = 1
{{ a
{# a
{% call %}{% endcall %}
{% filter %}{% endfilter %}
{% filter nosuch %}{% endfilter %}
{% with a %}{% endwith %}
{% trans %}x{% endtrans %}
{% debug %}
{{ loop.index }}
{{ a.b.c }}
{{ 08 }}
{{ 1__0 }}
{{ 1.e5 }}
{{ .5 }}
{{ 5.real }}
{{ 0x }}
{{ 1a }}
{{ é }}
{{ a² }}
{{ 变量 }}
{{ async }}{{ class }}{{ def }}{{ import }}|{% set class = 1 %}{{ class }}
{{ not true }}{{ nottrue }}{{ in }}|
{{ is }}|{{ if }}
{{ true.x }}|{{ none.x }}|{{ 'a'.b }}|{{ [].x }}|{{ {}.x }}
{{ a.1 }}
{{ s.0 }}{{ s.1.0 }}
{{ "a" if "b" in "c" else ("d" if t else "e") }}
{{ lambda x: x }}
{{ [x for x in l] }}
{{ a; b }}
{{ a:b }}
{% if t %}{{ 'x' }}{% endif %}{% endif %}
"""
G["strftime"] = """
{{ strftime_now('%d %b %Y') }} {{ strftime_now('%Y-%m-%d') }} {{ strftime_now('%B %d, %Y') }} {{ strftime_now('%A %a %d %-d %e %j') }}
{{ strftime_now('%H:%M:%S %I %p %-I %f') }} {{ strftime_now('%y %C %U %W %V %G %u %w') }} {{ strftime_now('%c|%x|%X|%D|%F|%T|%R|%r') }} {{ strftime_now('%Z|%z|%%|%n|%t|%h|%k|%l') }}
{{ strftime_now('%^a %^b %#p %_d %-m %_H %P') }} {{ strftime_now('') }} {{ strftime_now('Ünï 日本 %Y年') }} {{ strftime_now('%Y' '%m') }}
{{ strftime_now() }}
{{ strftime_now(5) }}
{% if strftime_now is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% else %}{% set date_string = '26 Jul 2024' %}{% endif %}{{ date_string }}
"""
G["idioms"] = [
    "{{ '\\\n' }}{{ 'a\nb' }}",
    """{% macro m(message) -%}
  {%- if message is string -%}
    {{ message }}
  {%- else -%}
    {{- message.content or '' -}}
  {%- endif -%}
{%- endmacro -%}
{{ m(messages[1]) }}|{{ m('x') }}|{{ m(messages[2]) }}""",
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{{ add_generation_prompt }}",
    "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}{% for message in loop_messages %}{% if loop.index0 == 0 and system_message is defined %}{{ system_message ~ '\\n' }}{% endif %}{{ message['role'] }};{% endfor %}",
    "{% if (messages[0].role == 'user') != (0 % 2 == 0) %}{{ raise_exception('alternate') }}{% endif %}",
    "{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{%- if ns.multi_step_tool and message.role == \"user\" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}{%- set ns.multi_step_tool = false %}{%- set ns.last_query_index = index %}{%- endif %}{%- endfor %}{{ ns.last_query_index }}",
    "{%- for tool_call in messages[2].tool_calls %}{%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}{{- '<tool_call>\\n{\"name\": \"' }}{{- tool_call.name }}{{- '\", \"arguments\": ' }}{{- tool_call.arguments | tojson }}{{- '}\\n</tool_call>' }}{%- endfor %}",
    "{% set content = '<think>\\nplan\\n</think>\\n\\nanswer' %}{% if '</think>' in content %}{% set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}{% set content = content.split('</think>')[-1].lstrip('\\n') %}{% endif %}[{{ reasoning }}][{{ content }}]",
    "{% for message in messages %}{% if message.content is string %}{{ message.content | trim + ';' }}{% elif message.content is none %}none;{% endif %}{% endfor %}",
    "{%- macro render_item(x) -%}{%- if x is mapping -%}{{ x.items() | map('join', '=') | join('&') }}{%- else -%}{{ x | tojson }}{%- endif -%}{%- endmacro -%}{{ render_item(d) }}{{ render_item(l) }}",
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ (messages | map(attribute='role') | list).index('tool') if 'tool' in messages | map(attribute='role') | list }}",
    "{{ (messages | map(attribute='role')) | unique | join(' ') }}",
    "{% set ids = messages | selectattr('role', 'eq', 'assistant') | selectattr('tool_calls', 'defined') | map(attribute='tool_calls') | sum(start=[]) %}{{ ids | length }}",
    "{% for k, v in d.items() if v is not none %}{{ k }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for role, group in messages | groupby('role') %}{{ role }}{{ group | length }} {% endfor %}",
    "{%- for message in messages -%}{%- if loop.first and message['role'] == 'system' -%}{{ '<<SYS>>\\n' + message['content'] + '\\n<</SYS>>\\n\\n' }}{%- elif message['role'] == 'user' -%}{{ '[INST] ' + message['content'].strip() + ' [/INST]' }}{%- endif -%}{%- endfor -%}",
    "{% set id = 'abc' %}{% if id is undefined or id | length != 9 %}bad{% endif %}{{ 'call_' ~ '%03d' % 7 }}",
    "{%- if tools is not none and tools -%}T{%- else -%}none{%- endif -%}{{ tools is none }}{{ documents is none }}",
    "{{ 'a' if tools }}{{ bos_token }}{{ bos_token is defined }}",
    "{% for message in messages %}{% set role = 'model' if message.role == 'assistant' else message.role %}{{ '<start_of_turn>' + role + '\\n' + (message.content or '') | trim + '<end_of_turn>\\n' }}{% endfor %}",
    "{% set parts = [{'type': 'text', 'text': 'a'}, {'type': 'image'}, {'type': 'text', 'text': 'b'}] %}{% for p in parts %}{% if p['type'] == 'text' %}{{ p['text'] }}{% elif p.type == 'image' %}<img>{% endif %}{% endfor %}{{ parts | selectattr('type', 'equalto', 'text') | map(attribute='text') | join('+') }}",
    "{% set type = 'string' %}{% set schema = {'type': ['string', 'null'], 'enum': ['a', 'b'], 'items': {'type': 'integer'}} %}{{ schema.type is iterable and schema.type is not string }}{{ schema.type | join(' | ') }}{{ schema.enum | map('tojson') | join(' | ') }}{{ schema['items'].type }}",
    "{% set ns = namespace(last=none) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}{{ ns.last is not none and ns.last > 0 }}{{ messages[ns.last].content }}",
    "{{ messages[-1].role in ['user', 'tool'] }}{{ messages[-1]['content'].split('.')[0] }}{{ messages[0].content[:-1] }}{{ messages[0].get('name', 'anon') }}{{ messages[0].keys() | list }}",
    "{% for i in range(messages | length - 1, -1, -1) %}{{ i }}{{ messages[i].role[0] }}{% endfor %}",
    "{{ '\\n'.join(messages | map(attribute='role')) }}{{ ' '.join(['a'] * 3) }}",
    "{% for message in messages %}{{ (loop.index0 ~ ':' ~ message.role).ljust(14) }}|{% endfor %}",
    "{% set x = {'a': 1, **d} %}",
    "{% set merged = dict(d, a=5, z=6) %}{{ merged }}",
    "{{ d | tojson | safe | replace('\"', '\\'') }}",
    "{{ (messages | last).content }}{{ messages | map(attribute='content') | select('string') | map('trim') | join('/') }}",
    "{{ loop_messages }}{{ '' if missing is defined else 'unset' }}{{ missing or 'fallback' }}{{ (missing | default({})).x | default('deep') }}",
]
