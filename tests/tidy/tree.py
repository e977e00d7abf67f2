"""The files of a checkout, each read and lexed once."""

import os
import re
import subprocess
import tempfile
from functools import cached_property

import lexer
from tables import C_ROOTS

_INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
_SHELLS = re.compile(r"#!.*\b(?:ba|da)?sh\b")


class File:
    """One text file. Paths are relative to the root and use slashes."""

    def __init__(self, root, path):
        self.path = path
        self.full_path = os.path.join(root, path)
        self.name = os.path.basename(path)
        self.folder = os.path.dirname(path)

    @cached_property
    def text(self):
        """The contents; empty for a binary file."""
        with open(self.full_path, "rb") as stream:
            data = stream.read()
        return "" if b"\0" in data else data.decode("utf-8", "replace")

    @cached_property
    def lines(self):
        return self.text.split("\n")[:-1] if self.text.endswith("\n") else self.text.split("\n")

    @property
    def is_header(self):
        return self.name.endswith(".h")

    @property
    def is_test(self):
        """Of what does not ship."""
        return self.path.startswith(("tests/", "bench/"))

    @property
    def is_script(self):
        return self.text.startswith("#!")

    @property
    def is_shell(self):
        return bool(_SHELLS.match(self.text)) or self.name.endswith(".sh")

    @property
    def layer(self):
        """`core/<folder>` or the top folder."""
        parts = self.path.split("/")
        return "/".join(parts[:2]) if parts[0] == "core" else parts[0]

    @cached_property
    def tokens(self):
        return list(lexer.tokens(self.text))

    @cached_property
    def comments(self):
        return [token for token in self.tokens if token.kind == "comment"]

    @cached_property
    def declarations(self):
        return list(lexer.declarations(self.tokens))

    @property
    def functions(self):
        return [item for item in self.declarations if item.kind == "function"]

    @property
    def functions_only(self):
        """The text with empty lines for all that is no function: pmccabe takes a prototype that
        ends in an attribute for the beginning of one."""
        kept = {number for item in self.functions for number in range(item.line, item.end + 1)}
        return "".join((line if number in kept else "") + "\n"
                       for number, line in enumerate(self.lines, 1))

    @cached_property
    def includes(self):
        """(line, header, True when in angle brackets) of every include."""
        found = []
        for token in self.tokens:
            match = token.kind == "directive" and _INCLUDE.match(token.text)
            if match:
                found.append((token.line, match.group(2), match.group(1) == "<"))
        return found


class Tree:
    def __init__(self, root):
        self.root = root
        self.files = [File(root, path) for path in _paths(root)]
        self.by_path = {file.path: file for file in self.files}
        self.c_files = [file for file in self.files if _is_c(file.path)]
        self.code = [file for file in self.files
                     if _is_c(file.path) or file.is_script or file.name.endswith((".py", ".sh"))]

    @cached_property
    def measures(self):
        """(path, line, name, lines, complexity) of every function, by pmccabe."""
        with tempfile.TemporaryDirectory(prefix="tidy-") as folder:
            paths = [file.path for file in self.c_files if file.functions]
            for path in paths:
                _write(os.path.join(folder, path), self.by_path[path].functions_only)
            return _pmccabe(folder, paths)


def _write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def _pmccabe(folder, paths):
    if not paths:
        return []
    run = subprocess.run(["pmccabe", *paths], cwd=folder, check=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
    row = re.compile(r"(\d+)\t\d+\t\d+\t(\d+)\t(\d+)\t(.+)\(\d+\): (\w+)$", re.MULTILINE)
    return [(path, int(line), name, int(lines), int(complexity))
            for complexity, line, lines, path, name in row.findall(run.stdout)]


def _is_c(path):
    return path.endswith((".c", ".h")) and path.split("/")[0] in C_ROOTS


def _paths(root):
    """What git tracks and, in the C tree, what it does not yet. Without git: everything but
    hidden folders and build/."""
    tracked = _git_paths(root, "--cached")
    if tracked is None:
        return sorted(_walk(root))
    fresh = _git_paths(root, "--others", "--exclude-standard", "--", *C_ROOTS)
    return sorted(path for path in {*tracked, *fresh} if _is_plain(os.path.join(root, path)))


def _git_paths(root, *options):
    if not os.path.exists(os.path.join(root, ".git")):
        return None
    run = subprocess.run(["git", "-C", root, "ls-files", "-z", *options], check=True,
                         stdout=subprocess.PIPE, text=True)
    return [path for path in run.stdout.split("\0") if path]


def _walk(root):
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders
                      if not name.startswith(".") and name not in ("build", "__pycache__")]
        for name in names:
            path = os.path.join(folder, name)
            if _is_plain(path):
                yield os.path.relpath(path, root)


def _is_plain(path):
    return os.path.isfile(path) and not os.path.islink(path)
