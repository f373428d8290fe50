"""The benchmarks: one file for each, all behind the call of `weam.transfer.tasks.task.Task`."""
