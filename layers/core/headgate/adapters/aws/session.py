"""AWS clients: one boto3 session a process, made when first needed, and one client a service.

boto3 itself finds region, credentials and endpoints (``AWS_ENDPOINT_URL[_SERVICE]``): this module knows no
emulator and reads no environment.
"""

from threading import Lock
from typing import Any

import boto3
from botocore.config import Config

CONNECT_SECONDS = 3
READ_SECONDS = 30
ATTEMPTS = 4
CONNECTIONS = 16


def default_config() -> Config:
    """Standard retries within a function's timeout; path-style addresses, which every endpoint answers."""
    return Config(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=CONNECTIONS,
        s3={"addressing_style": "path"},
    )


class AwsClients:
    """Makes each client once. Clients may be shared by threads; making one may not, hence the lock."""

    def __init__(self, session: boto3.Session | None = None, config: Config | None = None) -> None:
        self._session = session
        self._config = config
        self._clients: dict[str, Any] = {}
        self._lock = Lock()

    def client(self, service: str) -> Any:
        """The client of a service, by boto3's name for it."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def credentials(self) -> Any:
        """The session's credentials as they are now: ``access_key``, ``secret_key``, ``token``."""
        with self._lock:
            return self._opened().get_credentials().get_frozen_credentials()

    def _opened(self) -> Any:
        """The session, untyped: its stubs know services by literal name only."""
        if self._session is None:
            self._session = boto3.Session()
        return self._session

    def _make(self, service: str) -> Any:
        config = self._config or default_config()
        if service == "s3":
            # botocore still signs addresses of us-east-1 with a version that newer buckets refuse.
            config = config.merge(Config(signature_version="s3v4"))
        return self._opened().client(service, config=config)
