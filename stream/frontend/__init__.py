"""Keypoints: a picture and where to look become a `stream.records.Pose`."""
