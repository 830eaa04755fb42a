"""The JobLogs port over CloudWatch Logs. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html"""

from typing import Any

from headgate.adapters.aws.errors import translated
from headgate.adapters.aws.session import AwsClients
from headgate.domain.job import LOG_GROUP
from headgate.ports import LogPage


class CloudWatchJobLogs:
    """Reads the group that AWS Batch writes to."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    def read(self, stream: str, after: str | None = None, limit: int = 1000) -> LogPage:
        from botocore.exceptions import ClientError

        place = {"logGroupName": LOG_GROUP, "logStreamName": stream}
        asked: dict[str, Any] = {**place, "startFromHead": True, "limit": limit}
        if after:
            asked["nextToken"] = after
        with translated(f"reading the log {stream}", write=False):
            try:
                page = self._clients.client("logs").get_log_events(**asked)
            except ClientError as error:
                if error.response["Error"]["Code"] == "ResourceNotFoundException":
                    return LogPage((), after)  # the job has printed nothing yet
                raise
        lines = [(int(event["timestamp"]), event["message"]) for event in page["events"]]
        return LogPage(lines, page.get("nextForwardToken") or after)
