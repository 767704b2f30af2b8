"""The front end's networks in ONNX, each with a model card: detector, image and text encoder, keypoints."""
