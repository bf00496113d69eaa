"""What "relevant" means for a shop: values in, values out; no cloud, no clock, no torch."""
