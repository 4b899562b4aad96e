"""The rendered toy world as tensors: pictures, captions, labels, latents, and prompts that ask for them."""
