"""What monitor_quality needs to know of its surroundings."""

from pydantic import Field

from functions.environment import EnvironmentSettings


class QualitySettings(EnvironmentSettings):
    """The API that it asks, the log that it reads, the bucket that it writes reports to."""

    release_bucket: str
    pointer_table: str
    index_name: str = "products"
    key_parameter: str
    """Name of the SSM SecureString with the API keys; a key of minutes is made from its parent key."""
    api_address: str
    """Such as `https://abcd1234.execute-api.eu-west-1.amazonaws.com`."""
    api_id: str
    log_group: str
    """Of the front door."""
    every_minutes: int = Field(default=60, gt=0)
    """How often it looks: windows end on whole ones."""
    window_minutes: int = 24 * 60
    """How much of the log is compared with the baseline: what people look for in the morning is not what they look for
    in the evening, and a baseline is of whole days."""
    most_queries: int = 200
    """Judged queries that are asked in one run."""
    queries_per_second: float = 10.0
    """So that a run takes nothing away from shoppers."""
    asking_seconds: float = 60.0
    """After which no further query is asked."""
