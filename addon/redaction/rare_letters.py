"""Finds a letter that is rare in a body that is mostly one base64 text, such as an image."""

from __future__ import annotations

__all__ = ["NOT_IN_RUN", "rare_letter"]

# Includes `+/=`, so that a base64 text is one run and not thousands.
NOT_IN_RUN = bytes(
    byte not in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-+/=" for byte in range(256)
)
_SHORTEST = 32 * 1024
_SAMPLE = 512
_MOST = 128
_BYTES_FOR_EACH = 512


def rare_letter(data: bytes, letter: int) -> list[int] | None:
    """The positions of `letter`, or None if other searches are faster: where it is not rare, and for most bodies.

    The middle of a body with an image is base64. In prose, looking for a letter again and again takes longer than
    one search for a pattern.
    """
    middle = len(data) // 2
    if len(data) < _SHORTEST or data[middle : middle + _SAMPLE].translate(NOT_IN_RUN).find(1) >= 0:
        return None
    most = _MOST + len(data) // _BYTES_FOR_EACH
    positions: list[int] = []
    at = data.find(letter)
    while at >= 0:
        if len(positions) == most:
            return None
        positions.append(at)
        at = data.find(letter, at + 1)
    return positions
