"""Every route of the control plane, in the order a reader meets them."""

from chalicelib import (
    diffs,
    erasure,
    experiments,
    features,
    garbage,
    governance,
    history,
    imports,
    model_documents,
    models,
    products,
    quarantine,
    releases,
    reproductions,
    run_logs,
    tables,
)
from chalicelib.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    *products.ENDPOINTS,
    *history.ENDPOINTS,
    *diffs.ENDPOINTS,
    *quarantine.ENDPOINTS,
    *garbage.ENDPOINTS,
    *erasure.ENDPOINTS,
    *imports.ENDPOINTS,
    *tables.ENDPOINTS,
    *features.ENDPOINTS,
    *models.ENDPOINTS,
    *model_documents.ENDPOINTS,
    *releases.ENDPOINTS,
    *run_logs.ENDPOINTS,
    *experiments.ENDPOINTS,
    *reproductions.ENDPOINTS,
    *governance.ENDPOINTS,
)
