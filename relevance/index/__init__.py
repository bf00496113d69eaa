"""The products of one release, behind one narrow port (`port.ProductIndex`)."""
