"""What publish_release needs to know of its surroundings."""

from pydantic import Field

from functions.environment import EnvironmentSettings


class PublishSettings(EnvironmentSettings):
    """From which registry and bucket releases come, and where they go."""

    model_package_group: str
    """The only group whose packages are published."""
    training_bucket: str
    """S3 bucket; the archives of registered releases lie under `candidates/`."""
    release_bucket: str
    """S3 bucket; a release lies under `releases/<release_id>/`."""
    pointer_table: str
    """DynamoDB table with partition key `name` (string)."""
    index_name: str = "products"
    """Whose pointer is moved."""
    work_folder: str = "/tmp"
    """Where an archive is unpacked, one at a time."""
    most_unpacked_mb: float = Field(default=450.0, gt=0)
    """The largest archive, unpacked, in 10^6 bytes: Lambda has 512 MiB there, and the gate lets 240 MB through."""
