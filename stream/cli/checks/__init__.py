"""What `undertone doctor` looks at, one subject a file; a finding says what, how it is, and what to do."""
