"""The branches as torch modules that can be traced."""
