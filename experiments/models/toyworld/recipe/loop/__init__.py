"""The training loop that every stage shares: steps, optimizer, checkpoints, CUDA graphs, the helper process."""
