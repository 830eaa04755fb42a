"""S3 credentials for DuckDB, read from the same session and endpoint as every other client."""

from headgate.adapters.aws.session import AwsClients
from headgate.ports import S3Access, S3AccessProvider


def s3_access(clients: AwsClients) -> S3AccessProvider:
    """A provider that asks the session each time, so that refreshed role credentials are used."""

    def provide() -> S3Access:
        client = clients.client("s3")
        frozen = clients.credentials()
        endpoint: str = client.meta.endpoint_url
        return S3Access(
            access_key_id=frozen.access_key,
            secret_access_key=frozen.secret_key,
            session_token=frozen.token,
            region=client.meta.region_name,
            endpoint=None if endpoint.endswith(".amazonaws.com") else endpoint,
        )

    return provide
