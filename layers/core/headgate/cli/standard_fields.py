"""The fields of ODCS and ODPS objects, and of this project's own files, that the compiler understands."""

PROSE = (
    *(
        "id",
        "name",
        "description",
        "businessName",
        "deprecated",
        "synonyms",
        "authoritativeDefinitions",
        "tags",
    ),
    *("semanticType", "examples", "transformSourceObjects", "transformLogic", "transformDescription"),
    *("criticalDataElement", "customProperties"),
)
"""What a property says to people; it asks nothing of the data."""

COLUMN = (
    *("physicalType", "logicalType", "logicalTypeOptions", "required", "unique", "primaryKey"),
    *("physicalName", "properties", "items"),
    *("primaryKeyPosition", "classification", "enum", "quality", "relationships"),
)
TABLE = (
    *("id", "name", "physicalType", "physicalName", "description", "businessName", "deprecated", "synonyms"),
    *("authoritativeDefinitions", "tags", "customProperties", "logicalType", "dataGranularityDescription"),
    *("properties", "quality", "relationships"),
)
RULE_PROSE = (
    *("id", "name", "description", "dimension", "businessImpact", "tags", "authoritativeDefinitions"),
    *("severity", "type"),
)
RELATIONSHIP = ("id", "type", "from", "to", "customProperties")
SERVICE_LEVEL = (
    *("id", "property", "value", "unit", "element", "driver", "description", "customProperties"),
    *("authoritativeDefinitions",),
)
PRODUCT = (
    *("apiVersion", "kind", "id", "name", "version", "status", "domain", "tenant", "title", "description"),
    *("tags", "authoritativeDefinitions", "customProperties", "inputPorts", "outputPorts"),
    *("managementPorts", "support", "team", "productCreatedTs"),
)
PORT = (
    *("id", "name", "version", "contractId", "description", "type", "tags", "customProperties"),
    *("authoritativeDefinitions", "sbom", "inputContracts"),
)
FEATURE_SET = ("name", "spine", "on_demand", "views", "label", "seed", "request")
TRAINING = (
    *("model", "feature_set", "trainer", "compute_class", "params", "seed", "split", "features", "label"),
    *("baselines", "gates", "budget_usd_per_month", "timeout_seconds"),
)
TRAINING_CHOICES = (
    *("command", "backtest", "segments", "threshold", "checkpoint_minutes", "tolerance", "triggers"),
    "search",
)
