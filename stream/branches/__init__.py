"""What each modality says of a window: image, text, and the keypoints' temporal modes."""
