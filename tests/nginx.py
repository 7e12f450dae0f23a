"""A real nginx on loopback, with a configuration, a socket and a folder of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from pathlib import Path
from typing import Final, Self

__all__ = ("NEEDS_NGINX", "Nginx", "has_nginx")

NEEDS_NGINX: Final = "needs nginx: apt-get install nginx-light"
END: Final = 20.0
"""Seconds in which it ends, on a busy machine."""

CONFIGURATION: Final = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port}{tls};
        {content}
    }}
}}
"""
TLS: Final = " ssl;\n        ssl_certificate {path};\n        ssl_certificate_key {path}"


def has_nginx() -> bool:
    return _path() is not None


def _path() -> str | None:
    """Where it is: the folders of servers are not in every user's PATH."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _write(folder: Path, template: str, **values: object) -> Path:
    folder.mkdir()
    path = folder / "nginx.conf"
    path.write_text(template.format(folder=folder, **values))
    return path


class Nginx:
    """A process of nginx that listens at ``port`` of 127.0.0.1; made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    @classmethod
    async def start(cls, folder: Path, content: str, certificate: Path | None = None) -> Self:
        """Start it with ``content`` in its ``server``; ``certificate`` is a PEM with the key, for TLS.

        Its socket listens before it runs, so nobody can take the port, and who connects need not wait.
        """
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            tls = "" if certificate is None else TLS.format(path=certificate)
            path = _write(folder, CONFIGURATION, port=port, tls=tls, content=content)
            process = await asyncio.create_subprocess_exec(
                *(str(_path()), "-p", str(folder), "-c", str(path), "-e", "stderr"),
                env={**os.environ, "NGINX": f"{listening.fileno()};"},  # what it takes over
                pass_fds=[listening.fileno()],
                stderr=asyncio.subprocess.PIPE,
            )
        return cls(process, port)

    async def stop(self) -> str:
        """End it, and return what it has complained of."""
        if self._process.returncode is None:
            self._process.terminate()
        async with asyncio.timeout(END):
            _, complaints = await self._process.communicate()
        return complaints.decode()
