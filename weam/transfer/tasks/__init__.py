"""The benchmarks, all behind the call of `weam.transfer.tasks.task.Task`."""
