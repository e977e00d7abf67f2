"""Enough of C's grammar to tell code from comments and strings, and one declaration from the next.

tokens() splits a text; declarations() groups tokens into what stands at file scope. Nothing is
preprocessed: a directive is one token, with its continuation lines."""

import re
from typing import NamedTuple

_TOKEN = re.compile(r"""
    (?P<comment>   /\*.*?\*/ | //[^\n]* )
  | (?P<directive> ^[ \t]*\#(?: \\\n | "(?:\\.|[^"\\\n])*" | /\*.*?\*/ | [^\n] )* )
  | (?P<string>    (?:u8|[uUL])?"(?:\\.|[^"\\])*" )
  | (?P<char>      [uUL]?'(?:\\.|[^'\\\n])*' )
  | (?P<name>      [A-Za-z_]\w* )
  | (?P<number>    \.?\d(?:[eEpP][+-]|[\w.])* )
  | (?P<punct>     -> | \.\.\. | [=!<>]= | [^\s] )
  | (?P<space>     [^\S\n]+ | \n )
""", re.VERBOSE | re.DOTALL | re.MULTILINE)

_OPEN, _CLOSE = "([{", ")]}"
_STORAGE = {"static", "extern", "const", "volatile", "inline", "register", "_Thread_local",
            "_Atomic", "_Noreturn", "restrict"}
_TAGS = {"struct", "union", "enum"}
_ASSERTS = {"_Static_assert", "static_assert"}


class Token(NamedTuple):
    kind: str
    text: str
    line: int

    @property
    def end(self):
        return self.line + self.text.count("\n")


class Declaration(NamedTuple):
    kind: str       # function, prototype, variable, type, directive or other
    name: str
    head: list      # tokens before the body or the initialiser, attributes left out
    body: list      # the rest
    line: int
    end: int

    @property
    def is_static(self):
        return any(token.text == "static" for token in self.head)


def tokens(text):
    """Every token of `text` but white space."""
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "space":
            yield Token(match.lastgroup, match.group(), line)
        line += match.group().count("\n")


def declarations(all_tokens):
    """The declarations of a file, in order."""
    chunk, depth = [], 0
    for token in all_tokens:
        if token.kind == "comment":
            continue
        if token.kind == "directive" and not chunk:
            yield Declaration("directive", "", [token], [], token.line, token.end)
            continue
        chunk.append(token)
        depth += _step(token)
        if depth == 0 and _ends(token, chunk):
            yield _declaration(chunk)
            chunk = []


def at_depth_0(some_tokens):
    """`some_tokens` without what is in brackets; the brackets themselves stay."""
    depth = 0
    for token in some_tokens:
        closes = token.kind == "punct" and token.text in _CLOSE
        if depth == 0 or (closes and depth == 1):
            yield token
        depth += _step(token)


def is_mutable(head):
    """Whether the variable that `head` declares can change: the last `const` counts, the one of
    what it points to does not."""
    texts = [token.text for token in head]
    if "(" in texts:
        texts = texts[texts.index("("):texts.index(")")]
    if "[" in texts:
        texts = texts[:texts.index("[")]
    if "*" in texts:
        texts = texts[len(texts) - texts[::-1].index("*"):]
    return "const" not in texts


def _step(token):
    if token.kind != "punct":
        return 0
    return (token.text in _OPEN) - (token.text in _CLOSE)


def _ends(token, chunk):
    if token.text == ";":
        return True
    return token.text == "}" and _kind(_head(chunk))[0] == "function-like"


def _head(chunk):
    """Up to the body or the initialiser of a declaration. The braces of a struct's, union's or
    enum's own definition are no body."""
    code = [token for token in _without_attributes(chunk) if token.kind != "directive"]
    depth, seen_parameters = 0, False
    for index, token in enumerate(code):
        if depth == 0 and (token.text in ("=", ";") or (token.text == "{" and seen_parameters)):
            return code[:index]
        seen_parameters |= depth == 0 and token.text == "("
        depth += _step(token)
    return code


def _without_attributes(chunk):
    """Leaves out `__attribute__((…))` and macros in capitals with arguments."""
    skip_to_depth, depth = None, 0
    for index, token in enumerate(chunk):
        before, depth = depth, depth + _step(token)
        if skip_to_depth is not None:
            if depth == skip_to_depth and token.text == ")":
                skip_to_depth = None
        elif before == 0 and _is_attribute(token) and chunk[index + 1:index + 2] \
                and chunk[index + 1].text == "(":
            skip_to_depth = 0
        else:
            yield token


def _is_attribute(token):
    return token.kind == "name" and (token.text in ("__attribute__", "_Alignas")
                                     or token.text.isupper())


def _kind(head):
    """(kind, name) of a declaration by its head; function-like: a prototype or a definition."""
    flat = list(at_depth_0(head))
    words = [token.text for token in flat if token.text not in _STORAGE]
    if not words or words[0] in _ASSERTS or words[0] == ";":
        return "other", ""
    if words[0] == "typedef":
        return "type", words[-1]
    if "(" in words:
        name = words[words.index("(") - 1]
        texts = [token.text for token in head]
        if texts[texts.index("(") + 1:][:1] != ["*"]:
            return "function-like", name
        return "variable", _pointer_name(texts)
    if words[0] in _TAGS and len([word for word in words if word not in "{}"]) <= 2:
        return "type", words[1] if len(words) > 1 else ""
    names = [token.text for token in flat if token.kind == "name"]
    return "variable", names[-1] if names else ""


def _pointer_name(texts):
    names = [text for text in texts[texts.index("("):texts.index(")")]
             if re.match(r"[A-Za-z_]", text) and text not in _STORAGE]
    return names[0] if names else ""


def _declaration(chunk):
    head = _head(chunk)
    kind, name = _kind(head)
    if kind == "function-like":
        kind = "function" if chunk[-1].text == "}" else "prototype"
    last = head[-1] if head else chunk[0]
    start = next(index for index, token in enumerate(chunk) if token is last)
    return Declaration(kind, name, head, chunk[start + 1:], chunk[0].line, chunk[-1].end)
