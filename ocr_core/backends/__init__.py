"""Inference backends: OpenVINO, onnxruntime on the CPU and on CUDA, and a fake for tests."""
