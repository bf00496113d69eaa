"""Public product data, each written as a catalogue: JSON objects as `relevance.contracts.products` has them."""
