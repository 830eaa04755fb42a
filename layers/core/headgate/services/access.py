"""Asks a product's policy before anything is done, and publishes every answer: where services meet policy.

An answer is published before the act it allows: what cannot be recorded is not done.
"""

from collections.abc import Callable, Mapping

from headgate.domain.audit import access_decided
from headgate.domain.identity import Principal
from headgate.domain.policy import AccessRequest, Decision, Explanation, PolicyDocument, evaluate, explain
from headgate.domain.policy_request import Fact
from headgate.domain.policy_vocabulary import hrn
from headgate.ports import Clock, EventBus
from headgate.services.clock import iso
from headgate.services.products import AppliedProduct

READ_PRODUCT = "headgate:ReadProduct"
STAGE = "headgate:Stage"


class Guard:
    """Decides by the policy of the applied product; a policy is parsed once a process."""

    def __init__(self, bus: EventBus, clock: Clock, new_id: Callable[[], str]) -> None:
        self._bus = bus
        self._clock = clock
        self._new_id = new_id
        self._documents: dict[str, PolicyDocument] = {}

    def require(
        self,
        applied: AppliedProduct,
        principal: Principal,
        action: str,
        resource: str,
        context: Mapping[str, Fact] | None = None,
    ) -> Decision:
        """Decides, publishes ``AccessDecided``, and returns the allowing decision.

        Raises AccessDenied naming the deciding statement or the missing grant; Throttled or StateUnknown when
        the answer could not be published: then nothing may be done; ``ValueError`` when the caller is wrong
        (unknown action or condition key, a resource of another product).
        """
        request = self._request(applied, principal, action, resource, context)
        decision = evaluate([self._document(applied)], request)
        self._bus.publish([access_decided(decision, id=self._new_id(), time=iso(self._clock.now()))])
        decision.require()
        return decision

    def require_reading(self, applied: AppliedProduct, principal: Principal) -> Decision:
        """`require` for reading the product itself, which comes before anything that is told of it."""
        name = applied.record.name
        return self.require(applied, principal, READ_PRODUCT, hrn(name, "product", name))

    def explain(
        self,
        applied: AppliedProduct,
        principal: Principal,
        action: str,
        resource: str,
        context: Mapping[str, Fact] | None = None,
    ) -> Explanation:
        """What `require` would answer, and why; nothing is published and nothing is raised on a refusal."""
        request = self._request(applied, principal, action, resource, context)
        return explain([self._document(applied)], request)

    def _document(self, applied: AppliedProduct) -> PolicyDocument:
        product = applied.product
        spec = applied.record.spec
        if spec not in self._documents:
            self._documents[spec] = PolicyDocument.parse(product.policy, product.name)
        return self._documents[spec]

    def _request(
        self,
        applied: AppliedProduct,
        principal: Principal,
        action: str,
        resource: str,
        context: Mapping[str, Fact] | None,
    ) -> AccessRequest:
        """The stage is the platform's to say: it stands last, so that no caller's context can replace it."""
        request = AccessRequest(principal, action, resource, {**(context or {}), STAGE: applied.record.stage})
        if request.product != applied.record.name:
            raise ValueError(f"{resource} is not decided by the policy of {applied.record.name}")
        return request
