"""The branches as traceable torch modules."""
