"""The identity of a request: what may shape its answer, redacted, in one normal form, and its key."""

from addon.identity.keying import Identity, identify, key_of_saved
from addon.identity.rules import CacheControl, IdentityRules, Pointer, Profile

__all__ = ["CacheControl", "Identity", "IdentityRules", "Pointer", "Profile", "identify", "key_of_saved"]
