"""One file for each stage of the recipe. A stage reads and writes the run's folder and nothing else."""
