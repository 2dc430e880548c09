"""How a study is run: its plan, its queues, who drives them, what Optuna and MLflow are told."""
