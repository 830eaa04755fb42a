"""The process a function runs in: imports the handler once, then answers one invocation after the other.

It is run by the function's own interpreter, so it uses the standard library only and must not import this
package. It speaks MiniStack's worker protocol: a JSON line in, a JSON line out. Descriptor 1 is kept for
that protocol alone, so whatever the handler prints, on either descriptor, becomes log lines.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import site
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

Handler = Callable[[Any, Any], Any]
Failure = dict[str, Any]
# The limit of a synchronous response on AWS Lambda, in bytes.
MAX_RESPONSE_BYTES = 6_291_556
# Ends an invocation's log on stderr; the emulator waits for it instead of guessing when the log is complete.
END_OF_LOG = "\x00end-of-invocation"


class Context:
    """The context object AWS Lambda hands to a handler."""

    def __init__(self, init: dict[str, Any], call: dict[str, Any]) -> None:
        self.function_name = init["function_name"]
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.memory_limit_in_mb = str(init["memory"])
        self.invoked_function_arn = call.get("invoked_function_arn") or init["arn"]
        self.aws_request_id = call.get("request_id", "")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.identity = None
        self.client_context = None
        self._deadline = time.time() + call.get("timeout_ms", 3000) / 1000

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is cut off."""
        return max(0, int((self._deadline - time.time()) * 1000))


def failure(error: BaseException, error_type: str | None = None) -> Failure:
    """An exception as AWS Lambda reports it, with the traceback for the log."""
    return {
        "error": str(error),
        "error_type": error_type or type(error).__name__,
        "stack": traceback.format_tb(error.__traceback__),
        "trace": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }


def protocol_stream() -> TextIO:
    """Keep descriptor 1 for the protocol and send everything else to stderr."""
    stream = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    return stream


def extend_path(init: dict[str, Any]) -> None:
    """Code first, then layers, then the runtime's own packages: AWS Lambda's order."""
    if init["layers_dir"]:
        packages = Path(init["layers_dir"]) / "python"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        versioned = packages / "lib" / version / "site-packages"
        known = list(sys.path)
        if versioned.is_dir():
            site.addsitedir(str(versioned))
        added = [entry for entry in sys.path if entry not in known]
        sys.path[:] = [*added, str(packages), *known]
    sys.path.insert(0, init["code_dir"])


def load_handler(init: dict[str, Any]) -> Handler | Failure:
    """Import the handler. Returns it, or why there is none."""
    name = init["module"]
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        told = ImportError(f"Unable to import module '{name}': {error}")
        return failure(told.with_traceback(error.__traceback__), "Runtime.ImportModuleError")
    except SyntaxError as error:
        return failure(error, "Runtime.UserCodeSyntaxError")
    except Exception as error:
        return failure(error)
    handler = getattr(module, init["handler"], None)
    if handler is None:
        missing = AttributeError(f"Handler '{init['handler']}' missing on module '{name}'")
        return failure(missing, "Runtime.HandlerNotFound")
    found: Handler = handler
    return found


def peak_mb() -> int:
    """The most memory this process ever held."""
    try:
        # getrusage would count what the emulator held when it forked this process.
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 * 1024)


def set_or_clear(name: str, value: Any) -> None:
    """Set a variable of the environment for this invocation, or remove what the last one left."""
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = str(value)


def answer(handler: Handler, event: Any, context: Context) -> str:
    """Run the handler and encode what it returns, as a line of the protocol."""
    try:
        result = handler(event, context)
    except Exception as error:
        return failed(failure(error))
    try:
        encoded = json.dumps(result)
    except (TypeError, ValueError) as error:
        return failed(failure(TypeError(f"Unable to marshal response: {error}"), "Runtime.MarshalError"))
    if len(encoded) > MAX_RESPONSE_BYTES:
        limit = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
        return failed(failure(ValueError(limit), "Function.ResponseSizeTooLarge"))
    return f'{{"status": "ok", "peak_mb": {peak_mb()}, "result": {encoded}}}'


def failed(problem: Failure) -> str:
    """A failed invocation. Its status is "ok" on purpose: at "error" MiniStack ends the process."""
    return json.dumps({"status": "ok", "peak_mb": peak_mb(), "failure": problem})


def serve(stream: TextIO, init: dict[str, Any], handler: Handler) -> None:
    """Answer invocations until stdin closes."""
    for line in sys.stdin:
        message = json.loads(line)
        call = message.get("ctx") or {}
        set_or_clear("_X_AMZN_TRACE_ID", call.get("trace_id"))
        reply = answer(handler, message["event"], Context(init, call))
        print(END_OF_LOG, file=sys.stderr, flush=True)
        stream.write(reply + "\n")
        stream.flush()


def main() -> None:
    """Initialize, report readiness, serve."""
    stream = protocol_stream()
    init = json.loads(sys.stdin.readline())
    extend_path(init)
    found = load_handler(init)
    if isinstance(found, dict):
        print(found["trace"], END_OF_LOG, sep="\n", file=sys.stderr, flush=True)
        stream.write(json.dumps({"status": "error", **found}) + "\n")
        stream.flush()
        return
    stream.write(json.dumps({"status": "ready", "cold": True}) + "\n")
    stream.flush()
    serve(stream, init, found)


if __name__ == "__main__":
    main()
