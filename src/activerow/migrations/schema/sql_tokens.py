"""SQL as tokens, for texts that a server gives: it writes them regularly, and this is no parser of everything."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""(?P<space> \s+ | --[^\n]*(?:\n|$) | /\*.*?(?:\*/|$) )
      | (?P<quoted> "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] )
      | (?P<text> [xX]?'(?:[^']|'')*' )
      | (?P<word> [^\W\d][\w$]* )
      | (?P<sign> \d[\w.]* | . )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a quoted name, a text, a sign, or what stands between them; a parenthesis is one, with all in it."""

    kind: str
    text: str

    @property
    def word(self) -> str:
        """The keyword it may be, in capitals."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The name it is, without quotes."""
        if self.kind == "quoted":
            return self.text[1:-1].replace(self.text[-1] * 2, self.text[-1])
        return self.text


def tokens_of(sql: str) -> list[Token]:
    """The statement's tokens; what stands in parentheses is one of kind `group`."""
    found: list[Token] = []
    depth, group = 0, ""
    for match in _TOKEN.finditer(sql):
        text, kind = match[0], str(match.lastgroup)
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth or group:
            group += text
            if not depth:
                found.append(Token("group", group))
                group = ""
        else:
            found.append(Token(kind, text))
    return found


def plain(sql: str) -> str:
    """The statement without what makes no difference: spaces, comments, capitals of words, quotes of simple names."""
    parts: list[str] = []
    for match in _TOKEN.finditer(sql):
        token = Token(str(match.lastgroup), match[0])
        if token.kind == "quoted" and re.fullmatch(r"[^\W\d]\w*", token.name):
            parts.append(token.name.lower())
        elif token.kind != "space":
            parts.append(token.text if token.kind in {"text", "quoted"} else token.text.lower())
    return " ".join(parts)


def quoted(name: str) -> str:
    """A name as it may always stand in a statement."""
    return '"' + name.replace('"', '""') + '"'


def significant(tokens: Sequence[Token]) -> list[Token]:
    """The tokens without spaces and comments."""
    return [token for token in tokens if token.kind != "space"]
