"""The messages that rooms exchange: the wire, the stages of a search, the manifest of a release."""
