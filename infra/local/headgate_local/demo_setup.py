"""The first acts: emulator, deployment, login, the product, and putting files in the landing bucket.

Owns what is started. Everything that runs hangs on the emulator, which ends with the demo.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from headgate.cli.compile_product import compile_product
from headgate.cli.drop import drop_file

from headgate_local.demo_context import PRODUCT, DemoContext
from headgate_local.deploy import Progress
from headgate_local.platform_steps import build_layers, deploy_platform, start_emulator


def emulator(context: DemoContext, images: Mapping[str, Path] | None = None) -> str:
    """The emulator on a free port, ending with this process however that ends."""
    build_layers(context.place)
    context.emulator = start_emulator(context.place, bound_to_parent=True, images=images)
    return f"{context.emulator.endpoint}, IAM enforced"


def deployment(context: DemoContext) -> str:
    """The production template, unchanged."""
    if context.emulator is None:
        raise RuntimeError("the emulator is started first")
    finished = 0

    def listen(progress: Progress) -> None:
        nonlocal finished
        finished += progress.status == "CREATE_COMPLETE"
        context.board.tell("deploy", f"{finished} resources, {progress.logical_id}")

    context.platform = deploy_platform(context.place, context.emulator.state, listen)
    return f"{finished} resources from template.yaml"


def product(context: DemoContext) -> str:
    """Logs alice in and applies the product as she."""
    folder = context.place.root / "infra" / "products" / PRODUCT
    context.bundle = compile_product(folder)
    applied = context.api("alice").apply_product(PRODUCT, context.bundle)
    context.found["product"] = {"name": PRODUCT, "spec": applied["spec"], "stage": applied["stage"]}
    return f"{PRODUCT} {applied['spec'][:12]}, as alice: {len(context.bundle['datasets'])} datasets"


def put_files(context: DemoContext, files: Iterable[tuple[str, Path]]) -> None:
    """Drops files with an ordinary S3 client that may do nothing else."""
    s3 = context.aws("s3", context.state.dropper)
    bucket = context.state.outputs["LandingBucketName"]
    for dataset, file in files:
        dropped = drop_file(s3, bucket, PRODUCT, dataset, file)
        context.drops[dropped.key] = dropped
