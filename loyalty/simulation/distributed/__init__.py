"""Many machines: buckets are settled wherever there is room, and put together to the digest of one machine."""
