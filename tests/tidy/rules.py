"""The rules. Each takes the tree and yields (path, line, what) for every place that breaks it; the
table at the end names them. Limits and lists are in tables.py."""

import fnmatch
import itertools
import os
import re
import shutil
import subprocess

import lexer
import tables


def _limit(limits, path):
    return limits[path.startswith("tests/")]


# Size and layout

def function_length(tree):
    for path, line, name, lines, _ in tree.measures:
        limit = _limit(tables.FUNCTION_LINES, path)
        if lines > limit:
            yield path, line, f"{name}() has {lines} lines ({limit})"


def function_complexity(tree):
    for path, line, name, _, complexity in tree.measures:
        limit = _limit(tables.FUNCTION_COMPLEXITY, path)
        if complexity > limit:
            yield path, line, f"{name}() has complexity {complexity} ({limit})"


def function_measured(tree):
    """What pmccabe cannot read it leaves out without a word, and no limit would hold there."""
    measured = {(path, name) for path, _, name, _, _ in tree.measures}
    for file in tree.c_files:
        for item in file.functions:
            if (file.path, item.name) not in measured:
                yield file.path, item.line, f"{item.name}() cannot be measured by pmccabe"


def file_length(tree):
    for file in tree.code:
        limit = _limit(tables.FILE_LINES, file.path)
        if len(file.lines) > limit:
            yield file.path, len(file.lines), f"file has {len(file.lines)} lines ({limit})"


def line_width(tree):
    for file in tree.code:
        limit = _limit(tables.LINE_COLUMNS, file.path)
        for number, line in enumerate(file.lines, 1):
            if len(line) > limit:
                yield file.path, number, f"line has {len(line)} columns ({limit})"


def white_space(tree):
    for file in tree.code:
        for number, line in enumerate(file.lines, 1):
            if "\t" in line:
                yield file.path, number, "tab (4 spaces)"
            if line != line.rstrip():
                yield file.path, number, "blank at the end of the line (none)"


# Includes and layers

def include_rooted(tree):
    for file in tree.c_files:
        for line, header, angled in file.includes:
            if angled or header in tree.by_path or header in tables.GENERATED:
                continue
            yield file.path, line, f'"{header}" is no file here (paths start at the root)'


def layers(tree):
    for file in tree.c_files:
        allowed = tables.LAYERS.get(file.layer, ())
        for line, header, angled in file.includes:
            if angled or allowed is None or header not in tree.by_path:
                continue
            layer = tree.by_path[header].layer
            if layer != file.layer and layer not in allowed:
                names = ", ".join(allowed) or "nothing of ours outside it"
                yield file.path, line, f"{file.layer} includes {layer} (may include {names})"


def generated_headers(tree):
    for file in tree.c_files:
        for line, header, _ in file.includes:
            folder = tables.GENERATED.get(header, file.layer)
            if folder != file.layer and not file.is_test:
                yield file.path, line, f"{header} outside {folder} (one folder)"


def include_cycles(tree):
    done = set()
    for file in tree.c_files:
        if file.is_header:
            yield from _cycles(tree, file, [], done)


def _cycles(tree, file, trail, done):
    if file.path in trail:
        loop = trail[trail.index(file.path):] + [file.path]
        yield file.path, 1, "headers include each other: " + " -> ".join(loop)
    elif file.path not in done:
        for _, header, _ in file.includes:
            if header in tree.by_path:
                yield from _cycles(tree, tree.by_path[header], trail + [file.path], done)
        done.add(file.path)


def third_party(tree):
    for file in tree.c_files:
        for line, header, angled in file.includes:
            folder = _library_folder(header) if angled else file.layer
            if folder is None and header not in tables.SYSTEM:
                yield file.path, line, f"<{header}> is not known (tests/tidy/tables.py)"
            elif folder and folder != file.layer and not file.is_test:
                yield file.path, line, f"<{header}> outside {folder} (one folder a library)"


def _library_folder(header):
    directory = header.split("/")[0] + "/"
    return tables.THIRD_PARTY.get(header) or tables.THIRD_PARTY.get(directory)


# Code

def banned_calls(tree):
    for file in tree.c_files:
        banned = dict(tables.BANNED_CALLS)
        if file.is_test:
            banned.update(tables.BANNED_CALLS_IN_TESTS)
        for line, name in _calls(file.tokens):
            if name in banned:
                yield file.path, line, f"{name}() is banned ({banned[name]})"


def _calls(tokens):
    """(line, name) of every call, those in macros too; members of that name are none."""
    code = [token for token in tokens if token.kind != "comment"]
    for before, token, after in zip([None, *code], code, [*code[1:], None]):
        if token.kind == "directive":
            body = lexer.tokens(token.text.lstrip(" \t#"))
            for line, name in _calls(list(body)):
                yield token.line + line - 1, name
        elif token.kind == "name" and after and after.text == "(":
            if not before or before.text not in (".", "->"):
                yield token.line, token.text


def conditional_code(tree):
    for file in tree.c_files:
        for item in file.functions:
            for token in item.body:
                if token.kind == "directive" and re.match(r"\s*#\s*(?:el|if)", token.text):
                    yield file.path, token.line, f"#if inside {item.name}() (whole functions only)"


def mutable_globals(tree):
    for file in tree.c_files:
        if file.is_test:
            continue
        for item in file.declarations:
            if item.kind == "variable" and _is_banned_global(file.path, item.head):
                yield file.path, item.line, f'variable "{item.name}" at file scope (const only)'


def _is_banned_global(path, head):
    if not lexer.is_mutable(head):
        return False
    words = tables.GLOBALS_ALLOWED.get(path)
    return words is None or (bool(words) and not words & {token.text for token in head})


def mutable_statics(tree):
    """A `static` inside a function is a global too."""
    for file in tree.c_files:
        if file.is_test or file.path in tables.GLOBALS_ALLOWED:
            continue
        for item in file.functions:
            for head in _local_statics(item.body):
                if lexer.is_mutable(head):
                    yield file.path, head[0].line, f"static variable in {item.name}() (const only)"


def _local_statics(body):
    for index, token in enumerate(body):
        if token.text == "static" and body[index - 1].text != "[":
            rest = body[index:]
            yield list(itertools.takewhile(lambda word: word.text not in ("=", ";"), rest))


def public_names(tree):
    for file in tree.c_files:
        if file.is_test:
            continue
        for item in file.declarations:
            if item.kind not in ("function", "prototype") or item.is_static:
                continue
            if not item.name.startswith(tables.PUBLIC_PREFIX) \
                    and item.name not in tables.PUBLIC_EXCEPT:
                yield file.path, item.line, f"public {item.name}() ({tables.PUBLIC_PREFIX}…)"


# Headers

def header_guards(tree):
    for file in tree.c_files:
        if file.is_header and not _has_guard(file):
            yield file.path, 1, f"header without a guard ({_guard(file.path)} or #pragma once)"


def _guard(path):
    return "WB_" + re.sub(r"\W", "_", path.removeprefix("core/")).upper()


def _has_guard(file):
    first = [" ".join(token.text.replace("#", "# ", 1).split()[:3])
             for token in file.tokens if token.kind == "directive"][:2]
    guard = _guard(file.path)
    return first[:1] == ["# pragma once"] or first == [f"# ifndef {guard}", f"# define {guard}"]


def prototype_comments(tree):
    for file in tree.c_files:
        if file.is_header and not file.is_test:
            for item in _without_comment(file):
                yield file.path, item.line, f"{item.name}() has no comment before it (a contract)"


def _without_comment(file):
    """A comment counts for the declarations below it up to the first blank line; one beside a
    declaration counts for that one."""
    before = {comment.end for comment in file.comments}
    beside = {comment.line for comment in file.comments}
    in_group, last_line = False, 0
    for item in file.declarations:
        if item.kind == "directive":
            in_group = False
            continue
        in_group = item.line - 1 in before or (in_group and item.line == last_line + 1)
        last_line = item.end
        if item.kind == "prototype" and not item.is_static and not in_group \
                and not beside.intersection(range(item.line, item.end + 1)):
            yield item


# Dead files

def built_sources(tree):
    folders, patterns = _built(tree)
    for file in tree.c_files:
        in_library = file.folder in folders and file.name != "main.c"
        if file.name.endswith(".c") and not in_library and file.path not in _included(tree) \
                and not any(fnmatch.fnmatchcase(file.path, pattern) for pattern in patterns):
            yield file.path, 1, "no CMake file builds this source (dead file)"


def _built(tree):
    """The folders of libraries, and a pattern for every other source that a CMake file names; a
    variable becomes a `*`, and a `*` also spans folders."""
    folders, patterns = set(), set()
    for file in tree.files:
        if file.name != "CMakeLists.txt" and not file.name.endswith(".cmake"):
            continue
        folders.update(re.findall(r"wb_library\(\w+ ([\w/]+)", file.text))
        text = re.sub(r"\$\{(?:PROJECT|CMAKE)_SOURCE_DIR\}/", "/", file.text)
        text = text.replace("${CMAKE_CURRENT_SOURCE_DIR}/", f"/{file.folder}/")
        for path in re.findall(r"[\w./*${}-]+\.c\b", text):
            root = "" if path.startswith("/") or file.name != "CMakeLists.txt" else file.folder
            path = re.sub(r"\$\{\w+\}", "*", path)
            patterns.add(os.path.normpath(os.path.join(root, path.lstrip("/"))))
    return folders, {pattern for pattern in patterns if not pattern.startswith("*")}


def _included(tree):
    return {header for file in tree.c_files for _, header, _ in file.includes}


def used_headers(tree):
    included = _included(tree)
    for file in tree.c_files:
        if file.is_header and file.path not in included:
            yield file.path, 1, "nobody includes this header (dead file)"


def runnable_scripts(tree):
    for file in tree.files:
        if file.is_script and not os.access(file.full_path, os.X_OK):
            yield file.path, 1, "script is not executable (chmod +x)"


# Text

def forbidden_text(tree):
    checks = [(what, re.compile(pattern)) for what, pattern in tables.FORBIDDEN_TEXT]
    for file in tree.files:
        for what, pattern in checks:
            for match in pattern.finditer(file.text):
                yield file.path, _line_of(file, match), f'{what} "{match.group()}" (none)'


def denied_words(tree):
    words, own_path = _denied(), "tests/tidy/" + os.path.basename(_DENY)
    for file in tree.files:
        if file.path == own_path:
            continue
        for match in words.finditer(file.text):
            yield file.path, _line_of(file, match), f'"{match.group()}" ({own_path})'


_DENY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "deny.txt")


def _denied():
    with open(_DENY, encoding="utf-8") as stream:
        words = [line.strip() for line in stream if line.strip() and not line.startswith("#")]
    # `${dir}/name/` and `../name/` do not start at the root.
    starts = {True: r"(?<![\w.*)}\]-])", False: r"(?<![\w-])"}
    return re.compile("|".join(starts[word[0] == "/"] + re.escape(word) + r"(?!(?<=\w)[\w-])"
                               for word in words))


def _line_of(file, match):
    return file.text.count("\n", 0, match.start()) + 1


def shellcheck(tree):
    scripts = [file.path for file in tree.files if file.is_shell]
    if not scripts or not shutil.which("shellcheck"):
        return
    output = subprocess.run(["shellcheck", "-x", "-f", "gcc", *scripts], cwd=tree.root, check=False,
                            stdout=subprocess.PIPE, text=True).stdout
    for path, line, what in re.findall(r"^(.+?):(\d+):\d+: (.*)$", output, re.MULTILINE):
        yield path, int(line), f"{what} (shellcheck)"


RULES = (
    function_length,
    function_complexity,
    function_measured,
    file_length,
    line_width,
    white_space,
    include_rooted,
    layers,
    generated_headers,
    include_cycles,
    third_party,
    banned_calls,
    conditional_code,
    mutable_globals,
    mutable_statics,
    public_names,
    header_guards,
    prototype_comments,
    built_sources,
    used_headers,
    runnable_scripts,
    forbidden_text,
    denied_words,
    shellcheck,
)
