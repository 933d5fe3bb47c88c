"""Write export.pkl and export.onnx, and check that they open elsewhere and give the same answers."""
