from tests.captured import captured, every_run_sampled

__all__ = ["captured", "every_run_sampled"]
