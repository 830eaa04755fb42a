"""What stands at the door: the ``authorize`` and ``api`` functions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from headgate.adapters.aws.host import SystemClock
from headgate.bootstrap.parts import parts_of
from headgate.config import ApiSettings

if TYPE_CHECKING:
    from headgate.services.dispatch.control_plane import ControlPlane
    from headgate.services.governance.authorize_request import AuthorizeRequest


def authorize(environ: Mapping[str, str]) -> "AuthorizeRequest":
    """Needs no AWS service: the key set is in the environment."""
    from headgate.adapters.identity.jwt_verifier import JwtVerifier
    from headgate.services.governance.authorize_request import AuthorizeRequest, AuthorizeSettings

    settings = AuthorizeSettings.from_env(environ)
    verifier = JwtVerifier(settings.jwks, settings.issuer, settings.audience, now=SystemClock().now)
    return AuthorizeRequest(verifier)


def control_plane(environ: Mapping[str, str]) -> "ControlPlane":
    """Its use cases come in groups, each of a module of its own."""
    from headgate.bootstrap.api_data import data_desk
    from headgate.bootstrap.api_features import feature_desk
    from headgate.bootstrap.api_models import model_desk
    from headgate.bootstrap.api_products import product_desk
    from headgate.bootstrap.api_training import training_desk
    from headgate.services.dispatch.control_plane import ControlPlane

    settings = ApiSettings.from_env(environ)
    parts = parts_of(settings)
    return ControlPlane(
        **product_desk(parts),
        **data_desk(parts, settings),
        **feature_desk(parts, settings),
        **training_desk(parts, settings),
        **model_desk(parts, settings),
    )
