"""The steps of setting a platform up: start the emulator, deploy the production template, make the users.

Owns what is deployed and with which parameters. Deploying is the administrator's work and uses the key the
emulator made for this run; nothing that is saved for people, or handed to application code, holds it.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from headgate.cli.failures import CommandFailed, NotSetUp
from headgate.cli.state import Home, LocalState

from headgate_local import deploy
from headgate_local.deploy import Progress
from headgate_local.issuer import AUDIENCE, LocalIssuer
from headgate_local.launch import Credentials, Emulator, EmulatorError, EmulatorState, start
from headgate_local.package import PackagingError
from headgate_local.platform_users import DROPPER, OPERATOR, ensure_user

STACK = "headgate"
ARTIFACTS_BUCKET = "headgate-artifacts"
TRAINER = "headgate-trainer"
PROGRAMS = "infra/products"
"""Where products keep programs of their own for the trainer `command`, as <product>/trainers."""
WORKER = "headgate-worker"
Note = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where things lie: the repository, and the folder for local state."""

    root: Path
    home: Home

    def python(self, environment: str) -> Path:
        """The interpreter of one environment. Raises NotSetUp when it was not made."""
        found = self.root / environment / "bin" / "python"
        if not found.exists():
            raise NotSetUp(f"{environment} is missing; run `make setup` (or `make layers`) in {self.root}")
        return found

    @property
    def template(self) -> Path:
        return self.root / "template.yaml"


def build_layers(place: Place) -> None:
    """Builds what is out of date among the layers, as `make layers`."""
    builder = place.root / "infra" / "setup" / "layers.py"
    built = subprocess.run(
        [place.python(".venv"), "-Es", builder], capture_output=True, text=True, check=False
    )
    if built.returncode:
        raise CommandFailed(
            f"the layers were not built; run `make layers` in {place.root}:\n{built.stderr.strip()}"
        )


def start_emulator(
    place: Place, *, bound_to_parent: bool, port: int = 0, images: Mapping[str, Path] | None = None
) -> Emulator:
    """The emulator with a clean interpreter for functions and the trainer's environment for its image.

    ``images`` are further ones: a pattern, and the environment that stands in for what it matches.
    """
    paths = [place.root / "infra" / "trainer", place.root / "layers" / "core", place.root / PROGRAMS]
    arguments = [part for path in paths for part in ("--batch-python-path", str(path))]
    trainer = place.python(".envs/trainer").parents[1]
    try:
        return start(
            place.python(".envs/emulator"),
            place.python(".envs/function"),
            state_file=place.home.emulator_state,
            log_file=place.home.emulator_log,
            port=port,
            batch_images={f"{TRAINER}@*": trainer, f"{WORKER}@*": trainer, **(images or {})},
            extra_arguments=arguments,
            bound_to_parent=bound_to_parent,
        )
    except EmulatorError as error:
        raise CommandFailed(str(error)) from error


def deploy_platform(
    place: Place,
    emulator: EmulatorState,
    listen: Callable[[Progress], None],
    before: LocalState | None = None,
    changes: Mapping[str, str] | None = None,
) -> LocalState:
    """Deploys the template unchanged and makes the two users; ``changes`` are parameters of the template that
    are to differ. Raises CommandFailed with the reasons.
    """
    administrator = session(emulator.root_credentials, emulator.region)
    with _told():
        outputs = deploy.deploy(
            administrator,
            template=place.template,
            stack=STACK,
            parameters=parameters(place) | dict(changes or {}),
            artifacts_bucket=ARTIFACTS_BUCKET,
            endpoint_url=emulator.endpoint,
            progress=listen,
        )
    iam = administrator.client("iam", endpoint_url=emulator.endpoint)
    state = LocalState(
        endpoint=emulator.endpoint,
        region=emulator.region,
        stack=STACK,
        api_url=local_api_url(emulator.endpoint, outputs["ApiId"], outputs["ApiUrl"]),
        outputs=outputs,
        dropper=ensure_user(iam, DROPPER, outputs["DropPolicyArn"], before.dropper if before else None),
        operator=ensure_user(
            iam, OPERATOR, outputs["OperatorPolicyArn"], before.operator if before else None
        ),
        product=before.product if before else None,
        principal=before.principal if before else None,
        emulator={"pid": emulator.pid, "log": str(place.home.emulator_log)},
    )
    place.home.save(state)
    return state


def parameters(place: Place) -> dict[str, str]:
    """What the template is deployed with here: everything else keeps the default it has in production."""
    issuer = LocalIssuer(place.home.identity)
    return {
        "Environment": "dev",
        "IdentityIssuer": issuer.issuer,
        "IdentityAudience": AUDIENCE,
        "IdentityJwks": issuer.jwks(),
        "TrainerImage": f"{TRAINER}@sha256:{trainer_digest(place.root)}",
        "WorkerImage": f"{WORKER}@sha256:{worker_digest(place.root)}",
    }


def trainer_digest(root: Path) -> str:
    """Names the trainer's environment by what it is made of: its code, the domain, its locked packages, and
    the products' own programs.
    """
    programs = sorted((root / PROGRAMS).glob("*/trainers"))
    return _digest(
        root, root / "infra" / "trainer", root / "layers" / "core" / "headgate" / "domain", *programs
    )


def worker_digest(root: Path) -> str:
    """The same of the data worker: the core package and its locked packages."""
    return _digest(root, root / "infra" / "worker", root / "layers" / "core" / "headgate")


def _digest(root: Path, *folders: Path) -> str:
    found = hashlib.sha256()
    for folder in folders:
        for file in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".txt")):
            found.update(f"{file.relative_to(root).as_posix()}\n".encode())
            found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def local_api_url(endpoint: str, api_id: str, api_url: str) -> str:
    """Where the emulator serves the API that AWS would serve at ``api_url``."""
    stage = api_url.rstrip("/").rpartition("/")[2]
    return f"{endpoint}/_aws/execute-api/{api_id}/{stage}"


def session(credentials: Credentials, region: str) -> boto3.Session:
    return boto3.Session(credentials.access_key_id, credentials.secret_access_key, region_name=region)


def note_progress(note: Note) -> Callable[[Progress], None]:
    """Tells the beginning, the failures and every tenth resource; a stack has well over a hundred."""
    finished = 0

    def listen(progress: Progress) -> None:
        nonlocal finished
        if progress.failed:
            note(f"{progress.logical_id} {progress.status}: {progress.reason}")
        elif progress.status == "CREATE_COMPLETE":
            finished += 1
            if finished % 20 == 0:
                note(f"deployed {finished} resources")

    return listen


@contextmanager
def _told() -> Iterator[None]:
    """Failures to package or deploy, as the command tells failures."""
    try:
        yield
    except (deploy.DeployError, PackagingError) as error:
        raise CommandFailed(str(error)) from error
