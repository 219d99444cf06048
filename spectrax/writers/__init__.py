"""Where metrics go: CSV, JSON lines, TensorBoard, Weights & Biases, the console."""
