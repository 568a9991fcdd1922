import tomllib

from hypothesis import given
from hypothesis import strategies as st

from hub.config.layout import Place, lines

SAMPLE = r"""
# a comment with [brackets] and "quotes"
top = 1
[a.b] # header
c = ~~~
d = "not a key"
[nor a header]
~~~
"quoted key" = 'its'
'lit.eral' = 2026-01-01T00:00:00Z
list = [
  1, # one
  "]", [2],
  { inner = { deep = 3 }, other = 4 },
]
dotted.key . here = "\""
[[many]]
x = ''
[[many]]
x = '''quotes at the end'''''
[last]
y = true""".replace("~", '"')


def test_each_key_has_the_line_on_which_it_is_first_written() -> None:
    assert tomllib.loads(SAMPLE)
    found = lines(SAMPLE)
    assert found == {
        ("top",): 3,
        ("a",): 4,
        ("a", "b"): 4,
        ("a", "b", "c"): 5,
        ("a", "b", "quoted key"): 9,
        ("a", "b", "lit.eral"): 10,
        ("a", "b", "list"): 11,
        ("a", "b", "list", "inner"): 14,
        ("a", "b", "list", "inner", "deep"): 14,
        ("a", "b", "list", "other"): 14,
        ("a", "b", "dotted"): 16,
        ("a", "b", "dotted", "key"): 16,
        ("a", "b", "dotted", "key", "here"): 16,
        ("many",): 17,
        ("many", "x"): 18,
        ("last",): 21,
        ("last", "y"): 22,
    }


def places(tree: object, above: Place = ()) -> set[Place]:
    if isinstance(tree, list):
        return {place for item in tree for place in places(item, above)}
    if not isinstance(tree, dict):
        return set()
    here = {(*above, key) for key in tree}
    return here | {place for key in tree for place in places(tree[key], (*above, key))}


MARKS = ["=", "[", "]", "[[", "]]", "{", "}", ",", "\n", "\n", " ", " = ", "#", "\\"]
VALUES_AND_KEYS = ["a", "b.c", '"q.\\"]"', "'#'", "1", '""', "''", '"""', "'''"]
STARTS = ["x = 1\n", "y = [", "z = {", "[t]\n", "[[u]]\n"]
PIECES = st.sampled_from(MARKS + VALUES_AND_KEYS + STARTS)
KEYS = st.one_of(st.sampled_from(["a", "b", "a.b", '"x y"', "'.'"]))
STRINGS = st.sampled_from(['"#"', "'\\'", '"""\n"" \\""" """', "'''\n''\n'''", '""', '""""""'])
VALUES = st.recursive(
    st.one_of(STRINGS, st.sampled_from(["1", "true", "1.5e3", "07:32:00"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda some: f"[ # c ]\n{', '.join(some)}\n]"),
        st.lists(inner, max_size=2).map(
            lambda some: "{" + ", ".join(f"k{n} = {one}" for n, one in enumerate(some)) + "}"
        ),
    ),
    max_leaves=6,
)
STATEMENTS = st.one_of(
    st.tuples(KEYS, VALUES).map(" = ".join),
    st.builds("[{}]".format, KEYS),
    st.builds("[[{}]]".format, KEYS),
    st.just("# comment = ["),
)


@given(st.one_of(st.lists(PIECES).map("".join), st.lists(STATEMENTS, max_size=6).map("\n".join)))
def test_every_key_of_every_valid_text_is_found_and_no_other(text: str) -> None:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = lines(text)
    assert set(found) == places(tree)
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())
