"""The networks, with the sizes of a recipe."""
