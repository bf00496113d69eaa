"""The large model behind an address, as SageMaker asks a container to serve it; no torch in here."""
