"""The networks of the fused model, as recipes size them."""
