"""What manage_catalogue needs to know of its surroundings."""

from functions.environment import SearchSettings


class CatalogueSettings(SearchSettings):
    """The catalogue's table, beside the release that tells how much of it is searchable."""

    catalogue_table: str
    """DynamoDB table with partition key `part` and sort key `id`, both strings."""
    table_patience_seconds: float = 3.0
    """How long a call to it is tried for, while it throttles or does not answer."""
