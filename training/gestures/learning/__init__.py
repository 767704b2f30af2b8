"""How the branches learn: losses, one branch after the other, temperatures, votes, pseudo-labels of each
other."""
