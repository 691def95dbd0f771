"""What peers are called in tables, pictures and JSON."""

__all__ = [
    "CONSTANT",
    "DIRECT",
    "INSIDE",
    "LITELLM",
    "NGINX",
    "OURS",
    "OURS_2",
    "REPLAY",
    "STOCK",
    "TEE",
    "VCR",
]

OURS = "provider-proxy"
OURS_2 = "provider-proxy, 2 workers"
INSIDE = "our addon in stock mitmdump"
CONSTANT = "stock mitmdump, constant answer"
REPLAY = "mitmdump --server-replay"
LITELLM = "LiteLLM proxy, disk cache"
NGINX = "nginx proxy_cache"
STOCK = "stock mitmdump"
TEE = "stock mitmdump, plain tee"
DIRECT = "direct"
VCR = "vcrpy, in process"
