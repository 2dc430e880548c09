"""Two networks against each other: the game, its losses, what bounds the critic."""
