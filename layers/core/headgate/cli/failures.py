"""What the command line can fail with, beyond the platform's own errors. Messages say what to do next."""

from headgate.domain.errors import HeadgateError


class CommandFailed(HeadgateError):
    """The command was understood and did not succeed: exit code 1."""


class ApiRefused(CommandFailed):
    """The API answered with an error.

    Attributes: ``code`` (HTTP status), ``kind`` (the service's error type, if it gave one), ``statement``
    (the policy statement that refused, for a 403).
    """

    def __init__(
        self, message: str, code: int, kind: str | None = None, statement: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind
        self.statement = statement


class Unreachable(CommandFailed):
    """Nobody answered at the address."""


class NotSetUp(CommandFailed):
    """The command needs something that was never set up, such as a platform or a token."""
