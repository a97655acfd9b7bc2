"""What reads a model: PyTorch, .pt2, .onnx and .mlir become one module of floor 1, its weights and a reference."""
