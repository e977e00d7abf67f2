"""Small bad trees, one for each rule: a rule that does not fire on its sample is worth nothing."""

import os
import subprocess
import tempfile

import rules
from tree import Tree

_HEAD = "/* A sample. */\n"
_LONG = _HEAD + "void wb_x(void)\n{\n" + "    ;\n" * 80 + "}\n"
_BRANCHES = (_HEAD + "int wb_x(int a)\n{\n" + "    if (a)\n        a++;\n" * 20 +
             "    return a;\n}\n")
_GUARD = "#ifndef WB_BASE_A_H\n#define WB_BASE_A_H\n{}\n#endif\n"

# rule -> {path: text}; the words that are denied are put together here, so as not to stand in it.
SAMPLES = {
    rules.function_length: {"core/base/a.c": _LONG},
    rules.function_complexity: {"core/base/a.c": _BRANCHES},
    rules.file_length: {"core/base/a.c": _HEAD + "\n" * 700},
    rules.line_width: {"core/base/a.c": "/* " + "x" * 120 + " */\n"},
    rules.white_space: {"core/base/a.c": "int wb_a(void);\t\n"},
    rules.include_rooted: {"core/base/a.c": '#include "err.h"\n'},
    rules.layers: {"core/base/a.c": '#include "core/wire/b.h"\n', "core/wire/b.h": _HEAD},
    rules.include_cycles: {"core/base/a.h": '#include "core/base/b.h"\n',
                           "core/base/b.h": '#include "core/base/a.h"\n'},
    rules.third_party: {"core/base/a.c": "#include <librdkafka/rdkafka.h>\n"},
    rules.banned_calls: {"core/base/a.c": "void wb_a(char *x)\n{\n    strcpy(x, x);\n}\n"},
    rules.conditional_code: {"core/base/a.c": "void wb_a(void)\n{\n#if 1\n    ;\n#endif\n}\n"},
    rules.mutable_globals: {"core/base/a.c": "static int counter;\n"},
    rules.mutable_statics: {"core/base/a.c": "void wb_a(void)\n{\n    static int n;\n}\n"},
    rules.public_names: {"core/base/a.c": "void open_it(void)\n{\n}\n"},
    rules.header_guards: {"core/base/a.h": _HEAD},
    rules.prototype_comments: {"core/base/a.h": _GUARD.format("\nint wb_a(void);\n")},
    rules.built_sources: {"elsewhere/a.c": _HEAD, "core/odd/a.c": _HEAD},
    rules.used_headers: {"core/base/a.h": _GUARD.format(_HEAD)},
    rules.runnable_scripts: {"tests/a.sh": "#!/bin/sh\n"},
    rules.forbidden_text: {"core/base/a.c": "/* TO" "DO: more */\n"},
    rules.denied_words: {"core/base/a.c": "/* from deb." "debian.org */\n"},
}


def _write(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as stream:
            stream.write(text)


def _fires(rule, files):
    with tempfile.TemporaryDirectory(prefix="wb-tidy-") as root:
        _write(root, files)
        subprocess.run(["git", "init", "-q", root], check=True)
        return list(rule(Tree(root)))


def run():
    """0 when every rule fires on its sample."""
    silent = [rule.__name__ for rule, files in SAMPLES.items() if not _fires(rule, files)]
    for name in silent:
        print(f"tidy: {name} does not fire on its sample")
    print(f"tidy: {len(SAMPLES) - len(silent)} of {len(SAMPLES)} rules fire on their samples")
    return 1 if silent else 0
