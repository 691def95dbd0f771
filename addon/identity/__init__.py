"""Turns a request into its identity: everything that may shape the answer, redacted, in one normal form, hashed.

May use `addon.redaction` and `addon.messages`, nothing else of the addon.
"""

from addon.identity.keying import Identity, identify, key_of_saved
from addon.identity.rules import CacheControl, IdentityRules

__all__ = ["CacheControl", "Identity", "IdentityRules", "identify", "key_of_saved"]
