"""Values that change from run to run: the rules that name them, their spans in a request, and in a stored answer.

May use `addon.redaction` and `cache_store.answers`; knows neither keys nor stores.
"""
