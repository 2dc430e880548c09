"""One run from configuration to result, and the only training loop."""
