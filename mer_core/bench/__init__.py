"""Speed on this machine: the project's job and a peer's, alternating, as ratios with their spread."""
