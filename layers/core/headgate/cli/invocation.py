"""One run of the command: who calls, which platform, and how to answer. No command reaches around it.

Owns the order in which settings win: environment variable, then option, then saved state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.cli.client import ApiClient, Transport
from headgate.cli.failures import NotSetUp
from headgate.cli.output import Output
from headgate.cli.state import Home, Keys, LocalState

if TYPE_CHECKING:
    from boto3.session import Session

SETUP_HINT = (
    "run `headgate up`, or set HEADGATE_API_URL and HEADGATE_TOKEN (and AWS credentials for drops and logs)"
)


@dataclass(frozen=True)
class Invocation:
    """``session`` makes a boto3 session from keys and a region; without keys it is boto3's own chain."""

    output: Output
    environ: Mapping[str, str]
    folder: Path
    home: Home
    transport: Transport
    session: Callable[[Keys | None, str | None], Session]
    principal: str | None = None

    def state(self) -> LocalState | None:
        return self.home.load()

    def local_state(self) -> LocalState:
        """Raises NotSetUp when no platform runs on this machine."""
        found = self.state()
        if found is None:
            raise NotSetUp(f"no platform is set up in {self.home.folder}; {SETUP_HINT}")
        return found

    def api_url(self) -> str:
        """Raises NotSetUp."""
        given = self.environ.get("HEADGATE_API_URL")
        return given or self.local_state().api_url

    def caller(self) -> str | None:
        """The name under which the token was saved; None when it came by the environment."""
        if self.environ.get("HEADGATE_TOKEN"):
            return None
        state = self.state()
        return self.principal or (state.principal if state else None)

    def token(self) -> str | None:
        """Raises NotSetUp when a name was asked for that has no token."""
        if self.environ.get("HEADGATE_TOKEN"):
            return self.environ["HEADGATE_TOKEN"]
        caller = self.caller()
        if caller is None:
            return None
        found = self.home.token(caller)
        if found is None:
            raise NotSetUp(f"{caller} has no token here; run `headgate login --as {caller}`")
        return found

    def client(self) -> ApiClient:
        """A client with the caller's token."""
        token = self.token()
        if token is None:
            raise NotSetUp("nobody is logged in; run `headgate login --as alice`, or set HEADGATE_TOKEN")
        return ApiClient(self.api_url(), token, self.transport)

    def anonymous(self) -> ApiClient:
        return ApiClient(self.api_url(), None, self.transport)

    def product(self, given: str | None) -> str:
        """The product meant: named, in HEADGATE_PRODUCT, or the one applied last. Raises NotSetUp."""
        state = self.state()
        found = given or self.environ.get("HEADGATE_PRODUCT") or (state.product if state else None)
        if found is None:
            raise NotSetUp(
                "no product is chosen; give --product, set HEADGATE_PRODUCT, or apply one: "
                "`headgate product apply flights`"
            )
        return found

    def outputs(self) -> Mapping[str, str]:
        """The stack's outputs: saved by `up`, or CloudFormation's for HEADGATE_STACK."""
        stack = self.environ.get("HEADGATE_STACK")
        if not stack:
            return self.local_state().outputs
        stacks = self.session(None, None).client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return {entry["OutputKey"]: entry["OutputValue"] for entry in stacks[0].get("Outputs", ())}

    def stack(self) -> str:
        return self.environ.get("HEADGATE_STACK") or self.local_state().stack

    def aws(self, who: str) -> AwsDoor:
        """AWS as ``dropper`` or ``operator``: the local user's keys, or with HEADGATE_STACK boto3's own."""
        if self.environ.get("HEADGATE_STACK"):
            return AwsDoor(self.session(None, None), None)
        state = self.local_state()
        keys = state.dropper if who == "dropper" else state.operator
        return AwsDoor(self.session(keys, state.region), state.endpoint)

    def remember(self, **changes: Any) -> None:
        """Saves changed fields of the local state; without a local platform there is nothing to remember."""
        state = self.state()
        if state is not None:
            self.home.save(replace(state, **changes))


@dataclass(frozen=True)
class AwsDoor:
    """boto3 clients of one identity at one endpoint (None: AWS itself)."""

    session: Session
    endpoint: str | None

    def client(self, service: str) -> Any:
        return self.session.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]


def boto3_session(keys: Keys | None, region: str | None) -> Session:
    """A session with these keys, or with whatever boto3 finds by itself."""
    import boto3

    if keys is None:
        return boto3.Session(region_name=region)
    return boto3.Session(keys.access_key_id, keys.secret_access_key, region_name=region)
