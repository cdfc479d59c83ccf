"""The passage between the job and what stands beside it: one file format, one writer, one reader.

A run has a folder (0700) with one journal (0600) for each of its processes. What is written there is
complete in the page cache at once, so it outlives any end of the process but a power cut.
"""
