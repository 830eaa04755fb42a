"""The error tree. A class says whether a retry can help; the entry point turns that into retry, DLQ or 4xx.

::

    HeadgateError
    ├── Retryable                 the same call may succeed later: back to the queue / 503
    │   ├── Conflict              someone else moved the head first: read again, then retry
    │   ├── Throttled             the service asked to slow down
    │   ├── StateUnknown          the call may or may not have happened: look before retrying
    │   └── TooLargeHere          a process with more memory or disk may do it
    └── Permanent                 the same call will fail again
        ├── InvalidRequest        the caller's input is wrong                          400
        │   └── OutOfTime         SQL that was brought ran longer than it may
        ├── Unauthenticated       no valid token                                       401
        ├── AccessDenied          a policy refused; carries the deciding statement     403
        ├── NotFound              no such product, version, model, …                   404
        ├── Collected             a version whose files were given up as garbage       410
        ├── PreconditionFailed    e.g. a stage change without evidence                 409
        ├── DropRefused           a dropped object fails its contract: quarantine
        ├── LineageUnknown        where the columns of a SELECT come from cannot be told
        ├── Corrupted             bytes do not have the digest that names them
        ├── PermissionMissing     AWS refused the platform's own role; no matter of a product's policy
        └── ConfigurationError    the deployment is wrong; names every missing setting
"""


class HeadgateError(Exception):
    """Base of every error the platform raises on purpose. The message is one sentence for a person."""

    status = 500


class Retryable(HeadgateError):
    """The same call may succeed later."""

    status = 503


class Conflict(Retryable):
    """A conditional write lost against another writer."""

    status = 409


class Throttled(Retryable):
    """The service asked to slow down."""

    status = 429


class StateUnknown(Retryable):
    """The outcome of a write is not known; read before trying again."""


class TooLargeHere(Retryable):
    """This process has not the memory or the disk for it, now or ever; a larger one may."""


class Permanent(HeadgateError):
    """The same call will fail again."""


class InvalidRequest(Permanent):
    """The caller's input is wrong; the message says where, why and what is expected."""

    status = 400


class OutOfTime(InvalidRequest):
    """SQL ran longer than it may and was stopped; the message says how long that is."""


class Unauthenticated(Permanent):
    """The caller did not prove who they are."""

    status = 401


class AccessDenied(Permanent):
    """A policy refused. ``statement`` names the statement that decided, or None for an implicit deny."""

    status = 403

    def __init__(self, message: str, statement: str | None = None) -> None:
        super().__init__(message)
        self.statement = statement


class NotFound(Permanent):
    """The thing named does not exist."""

    status = 404


class Collected(Permanent):
    """The version is known, and its files were given up as garbage: it cannot be read or taken over."""

    status = 410


class PreconditionFailed(Permanent):
    """The state does not allow the change."""

    status = 409


class DropRefused(Permanent):
    """A dropped object fails its contract.

    Attributes: ``rule`` (stable rule name), ``rows`` (failing rows, or None when the file as a whole fails),
    ``sample`` (a few of the failures, each a JSON object with what is known of line, column, error).
    """

    status = 422

    def __init__(
        self, rule: str, reason: str, rows: int | None = None, sample: tuple[dict[str, object], ...] = ()
    ) -> None:
        super().__init__(reason)
        self.rule = rule
        self.rows = rows
        self.sample = sample


class LineageUnknown(Permanent):
    """Where the columns of a SELECT come from cannot be told from its text."""


class Corrupted(Permanent):
    """Stored bytes do not have the digest that names them."""


class PermissionMissing(Permanent):
    """AWS refused what the platform's own role tried: the deployment lacks a permission. The caller did
    nothing wrong, so it is no AccessDenied: nobody may take it for the answer of a product's policy.
    """


class ConfigurationError(Permanent):
    """The deployment is wrong: settings are missing or malformed."""
