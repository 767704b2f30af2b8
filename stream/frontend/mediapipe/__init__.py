"""The embedded keypoint chain: MediaPipe's networks on LiteRT, mapped to OpenPose's 137 points."""
