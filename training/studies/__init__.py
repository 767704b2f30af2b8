"""Tables: cross-validation, ablations, the pseudo-label noise study."""
