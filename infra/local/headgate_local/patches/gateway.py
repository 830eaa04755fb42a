"""API Gateway answers errors in the API's own words.

Missing: MiniStack renders customized gateway responses but does not read them from an OpenAPI body
(`x-amazon-apigateway-gateway-responses`), so a missing token or an unknown path is answered in another shape
than on AWS.
So: they are taken over when a body is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate_local.patches.settings import PatchSettings

EXTENSION = "x-amazon-apigateway-gateway-responses"


def apply(_settings: PatchSettings) -> None:
    """Wrap the import of an OpenAPI body."""
    from ministack.services import apigateway_v1

    import_body = apigateway_v1._import_rest_api

    def import_with_responses(body: Mapping[str, Any], base_data: Any = None) -> Any:
        api_id = import_body(body, base_data)
        for kind, response in (body.get(EXTENSION) or {}).items():
            status, _headers, answer = apigateway_v1._put_gateway_response(api_id, kind, response or {})
            if status >= 400:
                raise ValueError(f"{EXTENSION}.{kind}: {answer!r}")
        return api_id

    apigateway_v1._import_rest_api = import_with_responses
