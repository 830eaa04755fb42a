"""The `headgate` command, a client of the platform's S3 and HTTP doors; left out of the layer."""


def main() -> None:
    """Entry point of the console script; libraries of the command line load here, not at import."""
    from headgate.cli.app import run

    run()
