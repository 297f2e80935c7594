"""Foreign text for a terminal and a log: what others wrote is shown, and never obeyed.

Pages put it in by ``textContent``, which obeys nothing.
"""

from __future__ import annotations

import unicodedata

# Signs that change the direction of the text after them, so that it reads as something else.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """Text without anything that a terminal or a log obeys, on one line; control signs are shown as escapes.

    >>> plain("door\\x1b[2J\\nopen")
    'door\\\\x1b[2J\\\\nopen'
    """
    return "".join(_shown(sign) for sign in text)


def for_markup(text: str) -> str:
    """The same for rich, which reads ``[bold]`` as markup.

    >>> for_markup("[red]door")
    '\\\\[red]door'
    """
    from rich.markup import escape

    return escape(plain(text))


def _shown(sign: str) -> str:
    if sign in _DIRECTIONS or unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp"):
        return sign.encode("unicode_escape", "surrogatepass").decode("ascii")
    return sign
