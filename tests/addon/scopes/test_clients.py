"""How a request names its client or its test."""

from __future__ import annotations

import base64

import pytest

from addon.scopes.clients import client_of, is_client, named_test, user_and_password, without_client


@pytest.mark.parametrize("name", ["gw0", "a", "A.b_c-9", "x" * 64])
def test_a_name(name: str) -> None:
    """Letters, digits, dots, lines; at most 64."""
    assert is_client(name)


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a/b", "a+b", "é", "a\n", "@a", "a:b"])
def test_not_a_name(name: str) -> None:
    """Anything else, a line end after a good name included."""
    assert not is_client(name)
    assert client_of(name, "x", "") == ""


def test_without_a_password_in_the_settings_the_user_is_the_client() -> None:
    """Whatever its password is."""
    assert client_of("gw0", "x", "") == "gw0"
    assert client_of("gw0", "", "") == "gw0"


@pytest.mark.parametrize(
    ("user", "password", "client"),
    [
        ("me", "pw", ""),
        ("gw0+me", "pw", "gw0"),
        ("+me", "pw", ""),
        ("a b+me", "pw", ""),
    ],
)
def test_with_one_the_client_stands_before_the_user(user: str, password: str, client: str) -> None:
    """As in `gw0+user:password`."""
    assert client_of(user, password, "me:pw") == client


def test_a_user_name_may_contain_a_plus() -> None:
    """The whole is compared first, then what follows the first one."""
    assert client_of("a+b", "pw", "a+b:pw") == ""
    assert client_of("gw0+a+b", "pw", "a+b:pw") == "gw0"


def test_a_wrong_password_is_still_refused() -> None:
    """With or without a client's name."""

    def accepts(user: str, password: str) -> bool:
        return (user, password) == ("a+b", "pw")

    for user in ("a+b", "gw0+a+b"):
        assert without_client(user, "pw", accepts)
        assert not without_client(user, "no", accepts)
    for user in ("b", "gw0+b", "a b+a+b", "+a+b", "x+gw0+a+b"):
        assert not without_client(user, "pw", accepts)


def test_basic_is_read_and_nothing_else() -> None:
    """RFC 7617; a password may contain a colon."""
    pair = base64.b64encode(b"gw0:x:y").decode()
    assert user_and_password(f"bAsIc  {pair}") == ("gw0", "x:y")
    for header in (
        "",
        "Basic",
        "Basic !",
        "Bearer abc",
        f"Digest {pair}",
        "Basic " + base64.b64encode(b"a").decode(),
    ):
        assert user_and_password(header) is None


def test_a_test_in_a_header() -> None:
    """Percent-encoded where it is not ASCII; bytes that are not UTF-8 are no fault."""
    assert named_test(" tests/test_a.py::test_b[1 2] ") == "tests/test_a.py::test_b[1 2]"
    assert named_test("caf%C3%A9") == "café"
    assert named_test("%ff%") == "\ufffd%"
