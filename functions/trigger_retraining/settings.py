"""What trigger_retraining needs to know of its surroundings."""

from functions.environment import EnvironmentSettings


class RetrainingSettings(EnvironmentSettings):
    """The pipeline, what its runs are made of, what they may cost, and where decisions are kept."""

    pipeline_name: str
    training_bucket: str
    """S3 bucket; a run reads `snapshots/<name>/`, and each snapshot takes along what lies in `inputs/`."""
    retraining_table: str
    """DynamoDB table with partition key `name`, and `expires_at`, seconds, as time to live."""
    release_bucket: str
    pointer_table: str
    catalogue_table: str
    index_name: str = "products"
    run_dollars: float
    """What one run is taken to cost."""
    budget_dollars_a_month: float
    cool_down_hours: float
    table_patience_seconds: float = 60.0
    """How long a call to the catalogue's table is tried for."""
