"""The figures of a suggestion in words, with units that fit."""

from schemas.records import Cost, Gain, Suggestion

from .gain import DAY_S

A_DAY_FROM_S = 4 * 3_600


def gain_text(gain: Gain) -> str:
    text = (
        f"{gain.speedup:.2f}x faster ({gain.low:.2f} to {gain.high:.2f}, k={gain.k}), "
        f"{gain.before_ms:.1f} ms to {gain.after_ms:.1f} ms a run, on {gain.measured_on}"
    )
    return f"{text}; unproved: a sample cannot carry this figure" if gain.unproved else text


def saved_text(suggestion: Suggestion, gain: Gain) -> str:
    """For a day only where the workload was watched for long enough to say so."""
    watched_s = (suggestion.window_end - suggestion.window_start).total_seconds()
    if watched_s >= A_DAY_FROM_S:
        return f"{seconds(gain.saved_s_per_day)} of query time a day at the workload seen"
    return f"{seconds(gain.saved_s_per_day / DAY_S * watched_s)} of query time in the {seconds(watched_s)} watched"


def cost_text(cost: Cost) -> str:
    return f"{seconds(cost.build_s)} to build, {space_text(cost)}, {writes_text(cost)}"


def space_text(cost: Cost) -> str:
    return f"{size(cost.extra_bytes)} more on disk"


def writes_text(cost: Cost) -> str:
    if not cost.writes:
        return "no write seen that it could slow down"
    return (
        f"writes take {cost.write_ratio:.2f}x ({cost.write_low:.2f} to {cost.write_high:.2f}, {cost.writes} replayed)"
    )


def break_even(cost: Cost) -> str:
    if cost.break_even_runs < 0:
        return "never at the workload seen"
    if cost.build_s == 0:
        return "at once: nothing has to be built"
    return f"after {cost.break_even_runs:,.0f} runs, {seconds(cost.break_even_s)} at the workload seen"


def seconds(value: float) -> str:
    if value < 0:
        return f"-{seconds(-value)}"
    if value < 1:
        return f"{value * 1000:.1f} ms" if value < 0.01 else f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.0f} min" if value < 7_200 else f"{value / 3_600:.1f} h"


def size(count: int) -> str:
    if abs(count) < 1_000_000:
        return f"{count / 1_000:.0f} kB"
    return f"{count / 1_000_000:.0f} MB" if abs(count) < 1_000_000_000 else f"{count / 1_000_000_000:.1f} GB"
