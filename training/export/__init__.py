"""Write export.pkl and export.onnx, and prove that they open elsewhere and answer alike."""
