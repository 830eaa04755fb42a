"""IAM sees the Glue database that a call names.

Missing: MiniStack takes GetDatabase's Name for that of a table outside any database, so a policy that names
the database denies reading it.
So: GetDatabase is checked on the database, as AWS does; other calls name theirs in DatabaseName.
"""

from __future__ import annotations

import json
from typing import Any

from headgate_local.patches.settings import PatchSettings

TARGET = "AWSGlue.GetDatabase"


def apply(settings: PatchSettings) -> None:  # noqa: ARG001 - as every patch
    """Teach IAM the resource of one call."""
    from ministack.core import iam_actions

    resource_arn = iam_actions.extract_resource_arn

    def resource_arn_with_databases(
        service: str,
        method: str,
        path: str,
        headers: Any,
        body: bytes,
        query: Any,
        region: str,
        account_id: str,
    ) -> Any:
        if service == "glue" and headers.get("x-amz-target") == TARGET:
            return f"arn:aws:glue:{region}:{account_id}:database/{json.loads(body or b'{}').get('Name')}"
        return resource_arn(service, method, path, headers, body, query, region, account_id)

    iam_actions.extract_resource_arn = resource_arn_with_databases
