"""ONNX model files: any graph is read, any graph is written and checked before its file is put in place."""
