"""Orders a Spot reclaim of a job on the local AWS Batch, for demos and tests: on AWS it just happens.

The order is a signed request to Batch's endpoint, at a path that AWS does not have.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

from headgate_local.batch.api import RECLAIM

ANSWER_SECONDS = 10


def reclaim(client: Any, job_id: str, grace_seconds: float | None = None) -> None:
    """Take away the host under a running job: SIGTERM, then SIGKILL after the grace.

    ``client`` is a boto3 client of Batch at the local endpoint. Raises ``urllib.error.HTTPError`` when the
    job is not running.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    asked = {"jobId": job_id} if grace_seconds is None else {"jobId": job_id, "graceSeconds": grace_seconds}
    url, body = f"{client.meta.endpoint_url}{RECLAIM}", json.dumps(asked).encode()
    signed = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json"})
    credentials = client._request_signer._credentials
    SigV4Auth(credentials, "batch", client.meta.region_name).add_auth(signed)
    order = Request(url, body, dict(signed.headers.items()), method="POST")  # noqa: S310 - the local endpoint
    with urlopen(order, timeout=ANSWER_SECONDS):  # noqa: S310 - the local endpoint
        return
