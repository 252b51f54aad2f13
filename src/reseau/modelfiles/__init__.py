"""Model files: a graph, its parameters and its metadata in one file, as safetensors or as ONNX."""
