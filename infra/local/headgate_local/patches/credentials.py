"""Who is root.

Missing: MiniStack takes the keys `test`, the configured one and any twelve digits as root, with any
secret, and serves S3 without credentials at all. Code under test that falls back to such a key would pass
here and fail on AWS.
So: the one key generated for this run is root, its signature is checked like any other, and S3 without
credentials is denied, as a bucket with public access blocked denies it.
"""

from __future__ import annotations

from typing import Any

from headgate_local.patches.settings import PatchSettings

ANONYMOUS = "arn:aws:iam::anonymous"


def apply(settings: PatchSettings) -> None:
    """Replace the two questions MiniStack asks about root keys, and the entry point of enforcement."""
    from ministack.core import iam_evaluator
    from ministack.services import sts

    def is_root_access_key(access_key_id: str) -> bool:
        return not access_key_id or access_key_id == settings.root_access_key_id

    def skips_signature_check(access_key_id: str) -> bool:
        return not access_key_id

    enforce = iam_evaluator.enforce

    def enforce_with_anonymous(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        unsigned = not access_key_id and iam_evaluator._signed_request.get() is None
        if service == "s3" and unsigned:
            return iam_evaluator.EvalResult("ImplicitDeny", principal_arn=ANONYMOUS)
        return enforce(
            access_key_id,
            iam_action,
            service,
            region,
            resource_arn=resource_arn,
            service_context=service_context,
        )

    iam_evaluator.is_root_access_key = is_root_access_key
    iam_evaluator._is_root_key = skips_signature_check
    iam_evaluator.enforce = enforce_with_anonymous
    # sts imported the function by name.
    sts.is_root_access_key = is_root_access_key
