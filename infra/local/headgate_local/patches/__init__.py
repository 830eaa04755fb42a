"""What MiniStack 1.5.33 lacks or does otherwise than AWS, put right from outside, one module a patch.

Every patch fills private tables or replaces private functions of exactly that version, which is why the
launcher refuses any other. Each module says what is missing and why it matters, and has a test of its
own. Importing this package changes nothing; `apply_all` does.
"""

from __future__ import annotations

from headgate_local.patches.settings import PatchSettings


def apply_all(settings: PatchSettings) -> list[str]:
    """Apply every patch to the imported MiniStack. Returns their names, for the log."""
    from headgate_local.patches import (
        batch,
        batch_resources,
        batch_workflow,
        credentials,
        errors,
        event_targets,
        gateway,
        glue_resources,
        invoke_permissions,
        metrics,
        object_bytes,
        object_ranges,
        queue_sources,
        reports,
        runtime,
        speed,
        transport,
    )

    modules = (
        *(credentials, transport, runtime, errors, reports, speed, metrics),
        *(gateway, invoke_permissions, object_bytes, object_ranges, queue_sources),
        *(batch, batch_resources, batch_workflow, event_targets, glue_resources),
    )
    for module in modules:
        module.apply(settings)
    return [module.__name__.rsplit(".", 1)[-1] for module in modules]
