"""The benchmarks: one file for each, all behind the call of `weam.tasks.task.Task`."""
