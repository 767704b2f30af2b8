"""The parity gate: checks that a provider or a changed graph reproduces the golden outputs."""
