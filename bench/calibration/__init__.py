"""How far a distance can be trusted: known damage, measured and put on a card."""
