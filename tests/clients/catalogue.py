"""The clients that `run_clients.py` tries: each asks one question of its provider, as its documentation shows."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CLIENTS", "IN_OUR_ENVIRONMENT", "Client"]


@dataclass(frozen=True)
class Client:
    """`runtime` runs `code`. `packages` are installed from the runtime's registry; the first gives the version.

    `group` keeps apart what cannot be installed together. `recorded_by` names the client whose recording is replayed
    where this one cannot record; `asks_token` says that it asks a token endpoint, which only a replay answers.
    """

    name: str
    runtime: str
    code: str
    packages: tuple[str, ...] = ()
    group: str = "new"
    recorded_by: str = ""
    asks_token: bool = False
    remark: str = ""


_MESSAGES = '[{"role": "user", "content": "Hi"}]'
_OPENAI_CALL = f'.chat.completions.create(model="m", messages={_MESSAGES})'
_ANTHROPIC_CALL = f'.messages.create(model="m", max_tokens=9, messages={_MESSAGES})'
_CONVERSE = 'modelId="m", messages=[{"role": "user", "content": [{"text": "Hi"}]}]'
# Code without an SDK that takes its base URL from the usual variable.
_URL = 'import json, os\nbase = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")\nurl = base + "/chat/completions"\n'
_BODY = f'data = json.dumps({{"model": "m", "messages": {_MESSAGES}}})\nheaders = {{"content-type": "application/json"}}\n'
_RAW = _URL + _BODY
_FROM_VARIABLE = "with code that takes its base URL from `OPENAI_BASE_URL`"

_PYTHON = (
    Client("openai", "python", f'from openai import OpenAI\nOpenAI(api_key="k", max_retries=0){_OPENAI_CALL}', ("openai",)),
    Client(
        "openai, async",
        "python",
        f'import asyncio\nfrom openai import AsyncOpenAI\nasync def main():\n    await AsyncOpenAI(api_key="k", max_retries=0){_OPENAI_CALL}\nasyncio.run(main())',
        ("openai",),
    ),
    Client(
        "openai, Azure",
        "python",
        f'from openai import AzureOpenAI\nAzureOpenAI(api_key="k", azure_endpoint="https://my.openai.azure.com", api_version="2024-10-21", max_retries=0){_OPENAI_CALL}',
        ("openai",),
    ),
    Client("openai 1.40", "python", f'from openai import OpenAI\nOpenAI(api_key="k", max_retries=0){_OPENAI_CALL}', ("openai==1.40", "httpx<0.28"), "old"),
    Client("anthropic", "python", f'from anthropic import Anthropic\nAnthropic(api_key="k", max_retries=0){_ANTHROPIC_CALL}', ("anthropic",)),
    Client("anthropic 0.34", "python", f'from anthropic import Anthropic\nAnthropic(api_key="k", max_retries=0){_ANTHROPIC_CALL}', ("anthropic==0.34",), "old"),
    Client("google-genai", "python", 'from google import genai\nclient = genai.Client(api_key="k")\nclient.models.generate_content(model="m", contents="Hi")', ("google-genai",)),
    Client(
        "google-genai, async",
        "python",
        'import asyncio\nfrom google import genai\nasyncio.run(genai.Client(api_key="k").aio.models.generate_content(model="m", contents="Hi"))',
        ("google-genai", "aiohttp"),
    ),
    Client("mistralai", "python", f'from mistralai.client import Mistral\nMistral(api_key="k").chat.complete(model="m", messages={_MESSAGES})', ("mistralai",)),
    Client("cohere", "python", f'import cohere\ncohere.ClientV2(api_key="k").chat(model="m", messages={_MESSAGES})', ("cohere",)),
    Client("groq", "python", f'from groq import Groq\nGroq(api_key="k", max_retries=0){_OPENAI_CALL}', ("groq",)),
    Client("together", "python", f'from together import Together\nTogether(api_key="k", max_retries=0){_OPENAI_CALL}', ("together",)),
    Client(
        "boto3, Bedrock",
        "python",
        f'import boto3\nboto3.client("bedrock-runtime", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="s").converse({_CONVERSE})',
        ("boto3",),
    ),
    Client("litellm", "python", f'import litellm\nlitellm.completion(model="openai/m", api_key="k", messages={_MESSAGES})', ("litellm",)),
    Client("langchain-openai", "python", 'from langchain_openai import ChatOpenAI\nChatOpenAI(model="m", api_key="k", max_retries=0).invoke("Hi")', ("langchain-openai",)),
    Client("langchain-anthropic", "python", 'from langchain_anthropic import ChatAnthropic\nChatAnthropic(model="m", api_key="k", max_retries=0).invoke("Hi")', ("langchain-anthropic",)),
    Client(
        "pydantic-ai",
        "python",
        'from pydantic_ai import Agent\nfrom pydantic_ai.models.openai import OpenAIChatModel\nfrom pydantic_ai.providers.openai import OpenAIProvider\nAgent(OpenAIChatModel("m", provider=OpenAIProvider(api_key="k"))).run_sync("Hi")',
        ("pydantic-ai-slim[openai,anthropic]",),
    ),
    Client("instructor", "python", f'import instructor\nfrom openai import OpenAI\ninstructor.from_openai(OpenAI(api_key="k", max_retries=0)).chat.completions.create(model="m", messages={_MESSAGES}, response_model=None)', ("instructor",)),
    Client("dspy", "python", 'import dspy\ndspy.LM("openai/m", api_key="k", cache=False)("Hi")', ("dspy",)),
    Client("llama-index", "python", 'from llama_index.llms.openai import OpenAI\nOpenAI(model="gpt-4o", api_key="k", max_retries=0).complete("Hi")', ("llama-index-llms-openai",)),
    Client("smolagents", "python", f'from smolagents import OpenAIServerModel\nOpenAIServerModel(model_id="m", api_key="k")({_MESSAGES})', ("smolagents",)),
    Client(
        "openai-agents",
        "python",
        'import os\nos.environ["OPENAI_API_KEY"] = "k"\nfrom agents import Agent, Runner\nRunner.run_sync(Agent(name="a", model="gpt-4o"), "Hi")',
        ("openai-agents",),
        remark="its traces are answered with 202 in a replay",
    ),
    Client(
        "huggingface_hub, InferenceClient",
        "python",
        f'from huggingface_hub import InferenceClient\nInferenceClient(provider="together", api_key="hf_k").chat_completion({_MESSAGES}, model="org/m")',
        ("huggingface_hub",),
        remark="its look-up of the model is recorded too",
    ),
    Client("requests", "python", _RAW + "import requests\nrequests.post(url, data=data, headers=headers).raise_for_status()", ("requests",)),
    Client("httpx", "python", _RAW + "import httpx\nhttpx.post(url, content=data, headers=headers).raise_for_status()", ("httpx",)),
    Client("urllib", "python", _RAW + "import urllib.request\nurllib.request.urlopen(urllib.request.Request(url, data.encode(), headers)).read()"),
    Client("urllib3, PoolManager", "python", _RAW + "import urllib3\nassert urllib3.PoolManager().request('POST', url, body=data, headers=headers, retries=False).status == 200", ("urllib3",), remark=_FROM_VARIABLE),
    Client(
        "http.client",
        "python",
        _RAW + "import http.client\nfrom urllib.parse import urlsplit\nparts = urlsplit(url)\nkind = http.client.HTTPSConnection if parts.scheme == 'https' else http.client.HTTPConnection\nconnection = kind(parts.netloc)\nconnection.request('POST', parts.path, data, headers)\nassert connection.getresponse().status == 200",
        remark=_FROM_VARIABLE,
    ),
    Client(
        "aiohttp, default session",
        "python",
        _RAW + "import aiohttp, asyncio\nasync def main():\n    async with aiohttp.ClientSession() as session, session.post(url, data=data, headers=headers) as answer:\n        answer.raise_for_status()\nasyncio.run(main())",
        ("aiohttp",),
        remark=_FROM_VARIABLE,
    ),
    Client(
        "aiohttp, trust_env=True",
        "python",
        _RAW + "import aiohttp, asyncio\nasync def main():\n    async with aiohttp.ClientSession(trust_env=True) as session, session.post(url, data=data, headers=headers) as answer:\n        answer.raise_for_status()\nasyncio.run(main())",
        ("aiohttp",),
    ),
    Client("pycurl", "python", _RAW + "import pycurl\nc = pycurl.Curl()\nc.setopt(c.URL, url)\nc.setopt(c.POSTFIELDS, data)\nc.setopt(c.HTTPHEADER, ['content-type: application/json'])\nc.setopt(c.FAILONERROR, True)\nc.setopt(c.WRITEFUNCTION, len)\nc.setopt(c.CAINFO, os.environ['SSL_CERT_FILE'])\nc.perform()", ("pycurl",), remark="name the bundle with `CAINFO`"),
    Client(
        "google-auth, metadata",
        "python",
        'import google.auth, google.auth.transport.requests\ngoogle.auth.default()[0].refresh(google.auth.transport.requests.Request())',
        ("google-auth", "requests"),
        asks_token=True,
    ),
    Client(
        "azure-identity",
        "python",
        'from azure.identity import ClientSecretCredential, ManagedIdentityCredential\nscope = "https://cognitiveservices.azure.com/.default"\nClientSecretCredential("my-tenant", "c", "s").get_token(scope)\nManagedIdentityCredential().get_token(scope)',
        ("azure-identity",),
        asks_token=True,
    ),
    Client(
        "botocore, STS",
        "python",
        'import boto3\nboto3.client("sts", region_name="us-east-1").assume_role(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="session")',
        ("boto3",),
        asks_token=True,
    ),
)  # fmt: skip

_JS_MESSAGES = '[{role: "user", content: "Hi"}]'
_JS_BODY = f'JSON.stringify({{model: "m", messages: {_JS_MESSAGES}}})'
_JS_URL = 'const url = (process.env.OPENAI_BASE_URL ?? "https://api.openai.com/v1") + "/chat/completions";\nconst headers = {"content-type": "application/json"};\n'
_JS_OPENAI = f'import OpenAI from "openai";\nawait new OpenAI({{apiKey: "k", maxRetries: 0}}).chat.completions.create({{model: "m", messages: {_JS_MESSAGES}}});'
_JS_ANTHROPIC = f'import Anthropic from "@anthropic-ai/sdk";\nawait new Anthropic({{apiKey: "k", maxRetries: 0}}).messages.create({{model: "m", max_tokens: 9, messages: {_JS_MESSAGES}}});'
_JS_GENAI = 'import {GoogleGenAI} from "@google/genai";\nawait new GoogleGenAI({apiKey: "k"}).models.generateContent({model: "m", contents: "Hi"});'
_JS_FETCH = (
    _JS_URL
    + f'const answer = await fetch(url, {{method: "POST", headers, body: {_JS_BODY}}});\nif (!answer.ok) throw new Error(await answer.text());'
)
_JS_AI = 'import {generateText} from "ai";\n'

_NODE = (
    Client("openai", "node", _JS_OPENAI, ("openai",)),
    Client("openai 4.60", "node", _JS_OPENAI, ("openai@4.60",), "old"),
    Client("@anthropic-ai/sdk", "node", _JS_ANTHROPIC, ("@anthropic-ai/sdk",)),
    Client("@anthropic-ai/sdk 0.27", "node", _JS_ANTHROPIC, ("@anthropic-ai/sdk@0.27",), "old"),
    Client("@google/genai", "node", _JS_GENAI, ("@google/genai",)),
    Client("ai, @ai-sdk/openai", "node", _JS_AI + 'import {createOpenAI} from "@ai-sdk/openai";\nawait generateText({model: createOpenAI({apiKey: "k"}).chat("m"), prompt: "Hi", maxRetries: 0});', ("@ai-sdk/openai", "ai")),
    Client("ai, @ai-sdk/anthropic", "node", _JS_AI + 'import {createAnthropic} from "@ai-sdk/anthropic";\nawait generateText({model: createAnthropic({apiKey: "k"})("m"), prompt: "Hi", maxRetries: 0});', ("@ai-sdk/anthropic", "ai")),
    Client("ai, @ai-sdk/google", "node", _JS_AI + 'import {createGoogleGenerativeAI} from "@ai-sdk/google";\nawait generateText({model: createGoogleGenerativeAI({apiKey: "k"})("m"), prompt: "Hi", maxRetries: 0});', ("@ai-sdk/google", "ai")),
    Client("groq-sdk", "node", f'import Groq from "groq-sdk";\nawait new Groq({{apiKey: "k", maxRetries: 0}}).chat.completions.create({{model: "m", messages: {_JS_MESSAGES}}});', ("groq-sdk",)),
    Client("together-ai", "node", f'import Together from "together-ai";\nawait new Together({{apiKey: "k", maxRetries: 0}}).chat.completions.create({{model: "m", messages: {_JS_MESSAGES}}});', ("together-ai",)),
    Client("cohere-ai", "node", f'import {{CohereClientV2}} from "cohere-ai";\nawait new CohereClientV2({{token: "k"}}).chat({{model: "m", messages: {_JS_MESSAGES}}}, {{maxRetries: 0}});', ("cohere-ai",)),
    Client("@mistralai/mistralai", "node", f'import {{Mistral}} from "@mistralai/mistralai";\nawait new Mistral({{apiKey: "k"}}).chat.complete({{model: "m", messages: {_JS_MESSAGES}}});', ("@mistralai/mistralai",)),
    Client("@langchain/openai", "node", 'import {ChatOpenAI} from "@langchain/openai";\nawait new ChatOpenAI({model: "m", apiKey: "k", maxRetries: 0}).invoke("Hi");', ("@langchain/openai",)),
    Client(
        "@aws-sdk/client-bedrock-runtime",
        "node",
        'import {BedrockRuntimeClient, ConverseCommand} from "@aws-sdk/client-bedrock-runtime";\nconst client = new BedrockRuntimeClient({region: "us-east-1", credentials: {accessKeyId: "a", secretAccessKey: "s"}, maxAttempts: 1});\nawait client.send(new ConverseCommand({modelId: "m", messages: [{role: "user", content: [{text: "Hi"}]}]}));',
        ("@aws-sdk/client-bedrock-runtime",),
        recorded_by="python: boto3, Bedrock",
    ),
    Client(
        "@aws-sdk/client-bedrock-runtime, NodeHttpHandler",
        "node",
        'import {BedrockRuntimeClient, ConverseCommand} from "@aws-sdk/client-bedrock-runtime";\nimport {NodeHttpHandler} from "@smithy/node-http-handler";\nconst client = new BedrockRuntimeClient({region: "us-east-1", credentials: {accessKeyId: "a", secretAccessKey: "s"}, maxAttempts: 1, requestHandler: new NodeHttpHandler()});\nawait client.send(new ConverseCommand({modelId: "m", messages: [{role: "user", content: [{text: "Hi"}]}]}));',
        ("@aws-sdk/client-bedrock-runtime", "@smithy/node-http-handler"),
        recorded_by="python: boto3, Bedrock",
        remark="with a bearer token it records too",
    ),
    Client("@openai/agents", "node", 'process.env.OPENAI_API_KEY = "k";\nconst {Agent, run} = await import("@openai/agents");\nawait run(new Agent({name: "a", model: "gpt-4o"}), "Hi");', ("@openai/agents",)),
    Client("fetch", "node", _JS_FETCH),
    Client("undici", "node", _JS_URL + f'import {{request}} from "undici";\nconst {{statusCode}} = await request(url, {{method: "POST", headers, body: {_JS_BODY}}});\nif (statusCode !== 200) throw new Error(statusCode);', ("undici",), remark=_FROM_VARIABLE),
    Client("axios", "node", _JS_URL + f'import axios from "axios";\nawait axios.post(url, {_JS_BODY}, {{headers}});', ("axios",)),
    Client("got", "node", _JS_URL + f'import got from "got";\nawait got.post(url, {{headers, body: {_JS_BODY}, retry: {{limit: 0}}}});', ("got",)),
    Client("got, http2: true", "node", _JS_URL + f'import got from "got";\nawait got.post(url, {{http2: true, headers, body: {_JS_BODY}, retry: {{limit: 0}}}});', ("got",), remark=_FROM_VARIABLE),
    Client("node-fetch", "node", _JS_URL + f'import fetch from "node-fetch";\nconst answer = await fetch(url, {{method: "POST", headers, body: {_JS_BODY}}});\nif (!answer.ok) throw new Error(await answer.text());', ("node-fetch",)),
    Client("google-auth-library", "node", 'import {GoogleAuth} from "google-auth-library";\nconst client = await new GoogleAuth().getClient();\nif ((await client.getAccessToken()).token !== "provider-proxy-dummy") throw new Error("no dummy");', ("google-auth-library",), asks_token=True),
    Client("@azure/identity", "node", 'import {ClientSecretCredential} from "@azure/identity";\nawait new ClientSecretCredential("00000000-0000-0000-0000-000000000001", "c", "s").getToken("https://cognitiveservices.azure.com/.default");', ("@azure/identity",), asks_token=True),
    Client("@aws-sdk/client-sts", "node", 'import {STSClient, AssumeRoleCommand} from "@aws-sdk/client-sts";\nawait new STSClient({region: "us-east-1", maxAttempts: 1}).send(new AssumeRoleCommand({RoleArn: "arn:aws:iam::123456789012:role/r", RoleSessionName: "session"}));', ("@aws-sdk/client-sts",), asks_token=True),
)  # fmt: skip

_NODE_20 = (
    Client("openai", "node20", _JS_OPENAI, ("openai",)),
    Client("@anthropic-ai/sdk", "node20", _JS_ANTHROPIC, ("@anthropic-ai/sdk",)),
    Client("@google/genai", "node20", _JS_GENAI, ("@google/genai",)),
    Client("ai, @ai-sdk/anthropic", "node20", _JS_AI + 'import {createAnthropic} from "@ai-sdk/anthropic";\nawait generateText({model: createAnthropic({apiKey: "k"})("m"), prompt: "Hi", maxRetries: 0});', ("@ai-sdk/anthropic", "ai")),
    Client("fetch", "node20", _JS_FETCH, remark=_FROM_VARIABLE),
)  # fmt: skip
_EVERYWHERE = (
    ("openai", _JS_OPENAI, ("openai",)),
    ("@anthropic-ai/sdk", _JS_ANTHROPIC, ("@anthropic-ai/sdk",)),
    ("fetch", _JS_FETCH, ()),
)
_WEBSOCKET = 'const socket = new WebSocket("wss://api.openai.com/v1/realtime?model=m");\nawait new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; socket.onclose = reject; });'
_OTHER_JS = (
    *(Client(name, "deno", code, packages) for name, code, packages in _EVERYWHERE),
    *(Client(name, "bun", code, packages) for name, code, packages in _EVERYWHERE),
    Client("WebSocket", "bun", _WEBSOCKET),
)

_SHELL_DATA = '{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}'
_SHELL_URL = "${OPENAI_BASE_URL:-https://api.openai.com/v1}/chat/completions"
_OTHERS = (
    Client("curl", "sh", f"curl -sS --fail -H 'content-type: application/json' -d '{_SHELL_DATA}' \"{_SHELL_URL}\""),
    Client("wget", "sh", f"wget -q -O - --tries=1 --header 'content-type: application/json' --post-data '{_SHELL_DATA}' \"{_SHELL_URL}\"", remark="it does not read `SSL_CERT_FILE`; " + _FROM_VARIABLE),
    Client(
        "Net::HTTP",
        "ruby",
        f"require 'net/http'\nuri = URI((ENV['OPENAI_BASE_URL'] || 'https://api.openai.com/v1') + '/chat/completions')\nanswer = Net::HTTP.post(uri, '{_SHELL_DATA}', 'content-type' => 'application/json')\nabort(answer.body) unless answer.code == '200'",
    ),
    Client(
        "net/http",
        "go",
        "package main\nimport (\"net/http\"; \"os\"; \"strings\")\nfunc main() {\n\tanswer, err := http.Post(\"https://api.openai.com/v1/chat/completions\", \"application/json\", strings.NewReader(`" + _SHELL_DATA + "`))\n\tif err != nil { panic(err) }\n\tif answer.StatusCode != 200 { os.Exit(1) }\n}\n",
    ),
    Client(
        "HttpClient",
        "java",
        "import java.net.URI;\nimport java.net.http.*;\npublic class Main {\n  public static void main(String[] a) throws Exception {\n    var request = HttpRequest.newBuilder(URI.create(\"https://api.openai.com/v1/chat/completions\")).header(\"content-type\", \"application/json\").POST(HttpRequest.BodyPublishers.ofString(\"" + _SHELL_DATA.replace('"', '\\"') + "\")).build();\n    var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());\n    if (answer.statusCode() != 200) throw new RuntimeException(answer.body());\n  }\n}\n",
    ),
)  # fmt: skip

CLIENTS = (*_PYTHON, *_NODE, *_NODE_20, *_OTHER_JS, *_OTHERS)
"""Every client; a name is unique within its runtime."""

IN_OUR_ENVIRONMENT = (
    "openai",
    "anthropic",
    "mistralai",
    "groq",
    "together",
    "boto3, Bedrock",
    "requests",
    "httpx",
    "urllib",
    "http.client",
)
"""The ten Python clients that the tests run; their packages are among our own development requirements."""
