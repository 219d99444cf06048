"""Where metrics go: CSV, TensorBoard, the console."""
