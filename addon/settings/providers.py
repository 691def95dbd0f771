"""The provider hosts that are intercepted unless PROVIDER_PROXY_HOSTS says otherwise."""

__all__ = ["PROVIDER_HOSTS"]

# Host globs, `*` crosses dots. A local server (Ollama, vLLM) is intercepted on request only: +localhost:11434
PROVIDER_HOSTS: tuple[tuple[str, str], ...] = (
    ("OpenAI", "api.openai.com"),
    ("OpenAI, regional", "*.api.openai.com"),
    ("Azure OpenAI", "*.openai.azure.com"),
    ("Azure AI Foundry", "*.services.ai.azure.com"),
    ("Azure Cognitive Services", "*.cognitiveservices.azure.com"),
    ("Anthropic", "api.anthropic.com"),
    ("Google Gemini API", "generativelanguage.googleapis.com"),
    ("Google Vertex AI", "aiplatform.googleapis.com"),
    ("Google Vertex AI, regional", "*-aiplatform.googleapis.com"),
    ("Google Vertex AI, multi-region", "aiplatform.*.rep.googleapis.com"),
    ("Amazon Bedrock runtime", "bedrock-runtime.*.amazonaws.com"),
    ("Amazon Bedrock runtime, FIPS", "bedrock-runtime-fips.*.amazonaws.com"),
    ("Mistral", "api.mistral.ai"),
    ("Mistral Codestral", "codestral.mistral.ai"),
    ("Cohere", "api.cohere.com"),
    ("Cohere, older name", "api.cohere.ai"),
    ("Groq", "api.groq.com"),
    ("Together", "api.together.xyz"),
    ("Together, newer name", "api.together.ai"),
    ("Fireworks", "api.fireworks.ai"),
    ("DeepSeek", "api.deepseek.com"),
    ("xAI", "api.x.ai"),
    ("OpenRouter", "openrouter.ai"),
    ("Perplexity", "api.perplexity.ai"),
    ("Cerebras", "api.cerebras.ai"),
    ("DeepInfra", "api.deepinfra.com"),
    ("Hugging Face inference", "router.huggingface.co"),
    ("Hugging Face inference, older name", "api-inference.huggingface.co"),
    ("Voyage", "api.voyageai.com"),
)
