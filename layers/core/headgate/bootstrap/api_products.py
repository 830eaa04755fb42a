"""The control plane's use cases about products as a whole. Only ``control_plane`` imports this module."""

from typing import TypedDict

from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
from headgate.adapters.aws.model_catalog import DynamoModelCatalog
from headgate.adapters.aws.product_catalog import DynamoProductCatalog
from headgate.adapters.aws.reproduction_catalog import DynamoReproductionCatalog
from headgate.adapters.aws.run_catalog import DynamoRunCatalog
from headgate.bootstrap.parts import Parts
from headgate.services.governance.apply_product import ApplyProduct
from headgate.services.governance.change_stage import ChangeStage
from headgate.services.governance.check_gate import CheckGate
from headgate.services.governance.read_platform import ReadPlatform
from headgate.services.serving.trace_prediction import TracePrediction


class ProductDesk(TypedDict):
    apply_product: ApplyProduct
    read: ReadPlatform
    check_gate: CheckGate
    change_stage: ChangeStage
    trace_prediction: TracePrediction


def product_desk(parts: Parts) -> ProductDesk:
    products, guard, bus, clock = parts.products, parts.guard, parts.bus, parts.clock
    catalog, ledger = DynamoProductCatalog(parts.catalog), parts.ledger()
    models = DynamoModelCatalog(parts.catalog)
    return ProductDesk(
        apply_product=ApplyProduct(products, catalog, parts.lake, guard, bus, clock),
        read=ReadPlatform(
            products=products,
            catalog=catalog,
            run_catalog=DynamoRunCatalog(parts.catalog),
            model_catalog=models,
            ledger=ledger,
            guard=guard,
            clock=clock,
        ),
        check_gate=CheckGate(
            *(products, catalog, DynamoDatasetCatalog(parts.catalog), models, guard, clock),
            DynamoReproductionCatalog(parts.catalog),
        ),
        change_stage=ChangeStage(products, catalog, guard, bus, clock),
        trace_prediction=TracePrediction(products, ledger, guard),
    )
