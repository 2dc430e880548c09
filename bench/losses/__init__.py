"""Pure functions of tensors that models minimise, one file per idea."""
