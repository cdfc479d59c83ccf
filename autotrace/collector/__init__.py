"""Beside the job: joins what its processes wrote, learns how it ended, hands it to the sinks."""
