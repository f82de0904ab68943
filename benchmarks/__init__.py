"""What the library costs, always against something else that is timed in the same run."""
