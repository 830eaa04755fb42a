"""Errors the Batch API answers with.

BatchError
├── ClientError   the caller's fault, HTTP 400, code ClientException; a retry cannot help
└── ServerError   this engine's fault, HTTP 500, code ServerException; a retry may help
"""

from __future__ import annotations


class BatchError(Exception):
    """Base of every error of the API; carries the AWS error code and the HTTP status."""

    code = "ServerException"
    status = 500


class ClientError(BatchError):
    """The request is wrong or names something that does not exist."""

    code = "ClientException"
    status = 400


class ServerError(BatchError):
    """The engine failed to do what a correct request asked for."""
