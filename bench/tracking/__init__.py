"""What MLflow holds: runs and curves written and read back."""
