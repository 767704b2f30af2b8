"""Writing bundles: graphs, golden outputs, lower precisions."""
