"""From a frame to a person: who is watched, their portrait and their 137 keypoints."""
