"""Kinds of request, and the table that lies enter themselves into."""

READS = ("read",)
LOOKS = ("look", "props")
LISTS = ("list", "parts", "uploads")
ROWS = LISTS
UPLOADS = ("put", "part")
MOVES = ("move", "copy", "part_copy", "complete")
GONE = ("delete", "abort", "multi_delete")
MAKES = ("make", "begin")
EFFECTS = UPLOADS + MOVES + GONE + MAKES
# Answers that have something in them where all is well.
XML_BODIES = ("list", "props", "parts", "uploads", "begin", "complete", "copy", "part_copy",
              "multi_delete")
BODIES = READS + XML_BODIES
ANY = ("any",)

TABLE = {}


class Row:
    def __init__(self, answer, kinds, classes, flags):
        self.answer, self.kinds, self.classes, self.flags = answer, kinds, classes, flags

    def concerns(self, kind):
        return self.kinds == ANY or kind in self.kinds


def lie(kinds, classes, *flags, name=None):
    def enter(answer):
        key = name or answer.__name__
        assert key not in TABLE, key
        TABLE[key] = Row(answer, tuple(dict.fromkeys(kinds)), classes, flags)
        return answer
    return enter
