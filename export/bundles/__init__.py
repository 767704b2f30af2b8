"""Bundles written: graphs, golden answers, other precisions."""
