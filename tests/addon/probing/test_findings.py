"""What the alterations of answers led to, summed up."""

from __future__ import annotations

from addon.probing.edits import Change, Kind
from addon.probing.findings import answers_of, share_depended
from addon.probing.trials import Finding, Trial

TEXT, USAGE = Change(Kind.TEXT, "/content"), Change(Kind.USAGE, "/usage")


def test_answers_by_test() -> None:
    """One is depended on, one blind; one that only decides what comes next is neither."""
    answers = answers_of(
        {
            Trial("b", "k", TEXT): Finding.DEPENDS,
            Trial("b", "k", USAGE): Finding.BLIND,
            Trial("a", "k", TEXT): Finding.BLIND,
            Trial("a", "k", USAGE): Finding.UNCLEAR,
            Trial("a", "l", TEXT): Finding.FORWARDED,
            Trial("a", "l", USAGE): Finding.BLIND,
            Trial("c", "m", TEXT): Finding.UNCLEAR,
        }
    )
    assert [(one.test, one.key, one.is_depended_on, one.is_blind) for one in answers] == [
        ("a", "k", False, True),
        ("a", "l", False, False),
        ("b", "k", True, False),
        ("c", "m", False, False),
    ]
    assert answers[2].with_finding(Finding.BLIND) == [USAGE]
    assert answers[2].as_dict() == {
        "key": "k",
        "blind": False,
        "parts": [
            {"kind": "text", "pointer": "/content", "finding": "depends"},
            {"kind": "usage", "pointer": "/usage", "finding": "blind"},
        ],
    }
    assert share_depended(answers) == 0.5
    assert share_depended(answers[1:2]) is None
