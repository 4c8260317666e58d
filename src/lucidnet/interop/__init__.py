"""Files that other programs understand: the model file in the safetensors format."""
