"""Requests over the loopback interface count as encrypted.

Missing: a bucket or queue policy that refuses `aws:SecureTransport` = false, as a production template has,
refuses every request to an emulator that speaks plain HTTP.
So: the condition key is true, for requests and for what the services deliver to each other. The emulator
listens on 127.0.0.1 alone, where nothing travels over a wire. That such policies refuse plain HTTP elsewhere
is therefore not shown here.
"""

from __future__ import annotations

import contextvars

from headgate_local.patches.settings import PatchSettings

LOOPBACK = "127.0.0.1"


def apply(_settings: PatchSettings) -> None:
    """Replace what remembers a request's origin for the condition keys."""
    from ministack import app
    from ministack.core import iam_evaluator

    origin = contextvars.ContextVar("secure_request_origin", default=(LOOPBACK, True))

    def pin_as_secure(source_ip: str, _secure: bool) -> None:
        origin.set((source_ip, True))

    iam_evaluator._request_origin = origin
    iam_evaluator.pin_request_origin = pin_as_secure
    # app imported the function by name.
    app.pin_request_origin = pin_as_secure
