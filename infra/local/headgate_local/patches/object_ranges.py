"""A range of an older version of an object is that range.

Missing: MiniStack answers GetObject with VersionId and Range with the whole object and status 200.
So: the range is cut out, or refused with 416 where it lies outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate_local.patches.settings import PatchSettings


def apply(_settings: PatchSettings) -> None:
    """Wrap GetObject."""
    from ministack.services import s3

    get_object = s3._get_object

    def get_range(bucket: str, key: str, headers: Mapping[str, str], query: Any = None) -> Any:
        status, found, body = get_object(bucket, key, headers, query)
        asked = headers.get("range", "")
        if status != 200 or not asked or not (query or {}).get("versionId") or not isinstance(body, bytes):
            return status, found, body
        span = s3._parse_range(asked, len(body))
        if span is None:
            refused = {"Content-Type": "application/xml", "Content-Range": f"bytes */{len(body)}"}
            return 416, refused, s3._xml_body(s3._range_error_xml(bucket, key))
        first, last = span
        part = body[first : last + 1]
        # The stored checksum is that of the whole object.
        kept = {name: value for name, value in found.items() if not name.lower().startswith("x-amz-checksum")}
        kept |= {"Content-Length": str(len(part)), "Content-Range": f"bytes {first}-{last}/{len(body)}"}
        return 206, kept, part

    s3._get_object = get_range
