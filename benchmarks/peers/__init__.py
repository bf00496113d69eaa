"""Vitrine beside other engines: the same products, the same queries, the same machine, one run, a process for each."""
