"""What the functions of the test stack do. It runs inside the emulator, on the functions' interpreter."""

import importlib
import json
import os
import sys


class OutOfStock(Exception):
    """An error with a name of its own."""


def fail(_event):
    raise OutOfStock("none left")


def print_everywhere(_event):
    print("to stdout")
    print("to stderr", file=sys.stderr)
    os.write(1, b'{"status": "ok", "result": "forged"}\n')
    return "real"


def measure(event):
    directive = {
        "Namespace": "Shop",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "Sold", "Unit": "Count"}],
    }
    print(json.dumps({"_aws": {"CloudWatchMetrics": [directive]}, "service": "till", "Sold": event["sold"]}))


def submit(event):
    import boto3

    job = boto3.client("batch").submit_job(
        jobName="from-function", jobQueue=event["queue"], jobDefinition=event["definition"]
    )
    return job["jobId"]


ACTIONS = {
    "raise": fail,
    "environment": lambda _event: dict(os.environ),
    "import": lambda event: importlib.import_module(event["module"]).__file__,
    "print": print_everywhere,
    "measure": measure,
    "pid": lambda _event: os.getpid(),
    "submit": submit,
}


def handle(event, _context):
    """Do what the event asks for; print the size of a batch of messages."""
    if "Records" in event:
        print("BATCH", len(event["Records"]))
        return None
    if "httpMethod" in event:
        return {"statusCode": 200, "body": "{}"}
    return ACTIONS[event["action"]](event)
