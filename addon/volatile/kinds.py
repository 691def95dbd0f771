"""The named kinds of values, as regular expressions in which every repetition has a bound or one way to match.

Kinds without meaning may be looked for in all text. A date, a port or a duration means something, so those kinds
need a rule that says where they stand and which text stands around them.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["KINDS", "TEMP_FOLDER", "Kind"]

_NOT_IN_WORD = r"(?<![0-9A-Za-z_])(?:{})(?![0-9A-Za-z_])"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_WEEKDAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_DATE = r"[0-9]{4}-[01][0-9]-[0-3][0-9]"
_CLOCK = r"[0-2][0-9]:[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]{1,9})?)?"

# Only components that a library made at random: any other name in a temporary folder may mean something.
_RANDOM_NAME = "|".join(
    (
        # Python, tempfile: a letter follows a digit, as in no word.
        r"tmp(?=[a-z_]{0,8}[0-9]{1,8}[a-z_])[a-z0-9_]{8}",
        # mktemp: digits, capitals and small letters.
        r"tmp\.(?=[A-Za-z]{0,9}[0-9]{1,9}[A-Za-z])(?=[A-Z0-9]{0,9}[a-z])(?=[a-z0-9]{0,9}[A-Z])[0-9A-Za-z]{6,10}",
        r"pytest-of-[0-9A-Za-z_.-]{1,64}/pytest-[0-9]{1,9}",
        r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
        # Node, fs.mkdtemp: a prefix and six characters.
        r"[0-9A-Za-z_.]{1,64}-(?=[a-zA-Z]{0,5}[0-9])(?=[a-z0-9]{0,5}[A-Z])(?=[A-Z0-9]{0,5}[a-z])[0-9A-Za-z]{6}",
    )
)
TEMP_FOLDER = "|".join(
    (
        r"(?:/private)?/tmp",
        r"/var/tmp",  # noqa: S108 - a pattern
        r"(?:/private)?/var/folders/[0-9a-z_+]{2}/[0-9a-z_+]{20,40}/[TC]",
        r"[A-Za-z]:\\Users\\[^\\/:*?\"<>|\n]{1,64}\\AppData\\Local\\Temp",
    )
)
"""An expression for the folders in which libraries make temporary ones."""


class Kind(NamedTuple):
    """`is_plain`: the value has no meaning, so the kind may be looked for in all text.

    `hint` is an expression of RE2 that matches in UTF-8 text or JSON wherever a value is; '' if there is none.
    """

    pattern: str
    is_plain: bool
    hint: str = ""


KINDS: dict[str, Kind] = {
    "uuid": Kind(
        _NOT_IN_WORD.format(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
        True,
        "-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-",
    ),
    # Digits alone may be an amount, and letters before digits an account (IBAN), so a letter must follow a digit.
    "hex-id": Kind(
        _NOT_IN_WORD.format(r"(?=[a-fA-F]{0,256}[0-9]{1,256}[a-fA-F])(?:[0-9a-f]{16,256}|[0-9A-F]{16,256})"),
        True,
        "[0-9a-fA-F]{16}",
    ),
    "tmp-path": Kind(
        rf"(?<![0-9A-Za-z_/\\])(?:{TEMP_FOLDER})[/\\](?:{_RANDOM_NAME})(?![0-9A-Za-z_])",
        True,
        r"/tmp|Temp\\|folders",  # noqa: S108
    ),
    # OpenAI, Anthropic, Mistral and vLLM, as their SDKs' examples and recorded answers show them.
    "tool-call-id": Kind(
        _NOT_IN_WORD.format(
            r"(?:call_|toolu_(?:bdrk_|vrtx_)?|chatcmpl-tool-)(?=[A-Za-z]{0,64}[0-9]{1,64}[A-Za-z])"
            r"[0-9A-Za-z]{20,64}|"
            r"tooluse_(?=[A-Z0-9_-]{0,22}[a-z])(?=[a-z0-9_-]{0,22}[A-Z])(?=[A-Za-z_-]{0,22}[0-9])"
            r"[0-9A-Za-z_-]{22}"
        ),
        True,
        "(?:call_|toolu_|tooluse_|tool-)[0-9A-Za-z_-]{20}",
    ),
    "iso-datetime": Kind(
        _NOT_IN_WORD.format(rf"{_DATE}[T ]{_CLOCK}(?: ?(?:Z|UTC|[+-][0-9]{{2}}:?[0-9]{{2}}))?"), False
    ),
    "date": Kind(
        _NOT_IN_WORD.format(
            rf"{_DATE}|[0-9]{{1,2}}[/.][0-9]{{1,2}}[/.][0-9]{{4}}|"
            rf"(?:{_WEEKDAY},? )?(?:{_MONTH} [0-9]{{1,2}},? [0-9]{{4}}|[0-9]{{1,2}} {_MONTH} [0-9]{{4}})"
        ),
        False,
    ),
    "unix-time": Kind(_NOT_IN_WORD.format(r"[12][0-9]{9}(?:[0-9]{3}|\.[0-9]{1,9})?"), False),
    "port": Kind(_NOT_IN_WORD.format(r"[1-9][0-9]{1,4}"), False),
    "duration": Kind(
        _NOT_IN_WORD.format(
            r"[0-9]{1,9}(?:\.[0-9]{1,9})? ?(?:ns|us|µs|ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?)"
        ),
        False,
    ),
}
"""By name as in a rule."""
