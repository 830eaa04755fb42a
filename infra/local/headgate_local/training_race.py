"""The budget race: fifty submissions at once against money for one.

Owns both ends. The act gives the product room for one run more, makes a user that may do exactly what the
role of the function `train` may, and starts this module as a program with that user's keys and that
function's environment: fifty threads, each with a run of its own, through the function's own use case.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headgate.cli.state import LocalState

from headgate_local.demo_context import PRODUCT, DemoContext, DemoFailed
from headgate_local.training_products import apply, short
from headgate_local.training_watch import DIGITS

if TYPE_CHECKING:
    from headgate.services.training.start_training import TrainingOutcome

RIVALS = 50
FIRST_SEED = 1000
RACER = "racer"
RACE_SECONDS = 120
ROOM = 1.5
"""The budget has room for so many runs: for one, and not for two."""


def race(context: DemoContext) -> str:
    """Exactly one is accepted; the others hear why not."""
    api = context.api("alice")
    estimate = next(run["estimated_cost_usd"] for run in api.runs(PRODUCT)["runs"])
    budget = api.get(f"/products/{PRODUCT}/budget")
    limit = round(budget["reserved"] + budget["spent"] + ROOM * estimate, 6)
    apply(context, short(context, budget_usd_per_month=limit))
    outcomes = let_go(PRODUCT, as_train(context.administrator, context.state))
    found = _judged(outcomes)
    context.found["race"] = {**found, "estimate_usd": estimate, "budget_usd": limit}
    told = f"{len(outcomes)} at once: {found['accepted']} accepted, {found['refused']} refused"
    fair = (found["accepted"], found["refused"]) == (1, RIVALS - 1)
    heard = all("USD left" in reason for reason in found["reasons"])
    context.promise("a budget for one accepts exactly one", fair and heard, told)
    if not found["accepted"]:
        raise DemoFailed(f"{told}: {outcomes[0]['reason']}")
    return f"{told}; run {found['run'][:DIGITS]}"


def _judged(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many of each, who won, and what the others heard."""
    accepted = [each for each in outcomes if each["state"] == "submitted"]
    refused = [each for each in outcomes if each["state"] == "refused"]
    return {
        "submitted": len(outcomes),
        "accepted": len(accepted),
        "refused": len(refused),
        "reasons": sorted({each["reason"] for each in refused}),
        "run": accepted[0]["run"] if accepted else None,
        "seed": accepted[0]["seed"] if accepted else None,
    }


def let_go(product: str, environment: Mapping[str, str], count: int = RIVALS) -> list[dict[str, Any]]:
    """What `rivals` says, run as a program of its own. Raises DemoFailed."""
    done = subprocess.run(
        [sys.executable, "-m", "headgate_local.training_race", product, str(count)],
        env={**_own_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=RACE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise DemoFailed(f"the race ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    outcomes: list[dict[str, Any]] = json.loads(done.stdout)
    return outcomes


def as_train(administrator: Callable[[str], Any], state: LocalState) -> dict[str, str]:
    """What the deployed function `train` has, with the keys of a user whose policies are those of its role.

    ``administrator`` makes a boto3 client of the account's root by a service's name.
    """
    function = administrator("lambda").get_function_configuration(FunctionName=f"{state.stack}-train")
    role, iam = function["Role"].rpartition("/")[2], administrator("iam")
    iam.create_user(UserName=RACER)
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        iam.put_user_policy(UserName=RACER, PolicyName=name, PolicyDocument=json.dumps(document))
    keys = iam.create_access_key(UserName=RACER)["AccessKey"]
    return {
        **function["Environment"]["Variables"],
        "AWS_ENDPOINT_URL": state.endpoint,
        "AWS_DEFAULT_REGION": state.region,
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
    }


def _own_environment() -> dict[str, str]:
    kept = ("PATH", "PYTHONPATH", "HOME", "LANG")
    found = {name: os.environ[name] for name in kept if name in os.environ}
    return {**found, "no_proxy": "127.0.0.1,localhost"}


def rivals(product: str, count: int) -> list[dict[str, Any]]:
    """One run a thread, told apart by their seeds; all are let go at once. In the order of their seeds."""
    from headgate import bootstrap

    training = bootstrap.train(os.environ).training
    applied = training.products.get(product)
    declared = applied.product.training
    inputs = None if declared is None else training.specs.inputs(product, declared)
    if declared is None or inputs is None:
        raise SystemExit(f"{product} has nothing to train on")
    config, gate = declared, threading.Barrier(count)

    def submit(number: int) -> TrainingOutcome:
        own = replace(config, seed=FIRST_SEED + number)
        spec = training.specs.spec(applied, own, inputs)
        record = training.specs.record(spec, inputs.head.digest, "user/alice", "manual")
        gate.wait()
        return training.starting.start(applied, spec, record)

    with ThreadPoolExecutor(count) as pool:
        outcomes = list(pool.map(submit, range(count)))
    return [
        {
            "seed": FIRST_SEED + number,
            "state": outcome.state,
            "reason": outcome.reason,
            "run": outcome.run.digest if outcome.run else None,
        }
        for number, outcome in enumerate(outcomes)
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(rivals(sys.argv[1], int(sys.argv[2]))))
