"""Caches that are not mitmproxy's: LiteLLM's proxy, nginx. Both are asked in plain http, and ask so themselves."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.installing import debian, python_environment
from tests.bench.load import Door
from tests.bench.processes import environment, free_port, started
from tests.bench.proxies import Running, Stand

__all__ = ["litellm", "nginx"]

LITELLM = """
model_list:
  - model_name: gpt-4.1
    litellm_params: {{model: openai/gpt-4.1, api_base: "http://127.0.0.1:{upstream}/v1", api_key: sk-none}}
litellm_settings:
  cache: true
  cache_params: {{type: disk, disk_cache_dir: "{folder}/cache"}}
"""

# A request's body is part of the key, and must be in memory for that.
NGINX = """
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/temp;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_body_buffer_size 2m;
  client_max_body_size 2m;
  proxy_cache_path {folder}/cache levels=1:2 keys_zone=answers:10m inactive=1d;
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{tls} ssl;
    server_name localhost;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_cache answers;
      proxy_cache_methods POST;
      proxy_cache_key $request_method$request_uri$request_body;
      proxy_cache_valid 200 1d;
    }}
  }}
}}
"""


@contextmanager
def litellm(stand: Stand) -> Iterator[Running]:
    """LiteLLM's proxy with its disk cache, one worker, without a database and without a master key."""
    programs = python_environment("litellm", ["litellm[proxy]", "diskcache"])
    folder, port = stand.folder / "litellm", free_port()
    folder.mkdir()
    config = folder / "config.yaml"
    config.write_text(LITELLM.format(upstream=stand.provider.plain.port, folder=folder))
    environ = environment(
        LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY="true",  # it is on loopback, for a minute
        LITELLM_LOCAL_MODEL_COST_MAP="True",  # nothing is fetched
        LITELLM_TELEMETRY="False",
    )
    command = [str(programs / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port),
               "--num_workers", "1"]  # fmt: skip
    show = "from importlib.metadata import version; print(version('litellm'))"
    said = subprocess.run([programs / "python", "-c", show], capture_output=True, text=True, check=True)
    with started(command, environ, folder, port, patience=120) as process:
        yield Running(process, {"plain": Door(port)}, said.stdout.strip())


@contextmanager
def nginx(stand: Stand) -> Iterator[Running]:
    """nginx's proxy_cache with one worker. Its door `TLS` is there to check the load generator."""
    program, environ = debian("nginx", ["nginx"])
    folder, port, tls = stand.folder / "nginx", free_port(), free_port()
    folder.mkdir()
    config = folder / "nginx.conf"
    user = "user root;" if os.getuid() == 0 else ""  # else its worker may not enter the folder
    config.write_text(
        NGINX.format(user=user, folder=folder, port=port, tls=tls, upstream=stand.provider.plain.port,
                     certificate=stand.provider.certificate)
    )  # fmt: skip
    command = [program, "-p", str(folder), "-c", str(config)]
    said = subprocess.run(
        [program, "-v"], capture_output=True, text=True, env=environment(**environ), check=True
    )
    with started(command, environment(**environ), folder, port) as process:
        doors = {"plain": Door(port), "TLS": Door(tls, cafile=str(stand.provider.ca))}
        yield Running(process, doors, said.stderr.strip().rpartition("/")[2])
