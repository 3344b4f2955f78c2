"""The part of the page of measured figures that is about the review room."""

from typing import Any


def review_page(found: dict[str, Any]) -> str:
    """What was measured of the review room; a figure that is not there yet is left out."""
    parts, machine = found.get("parts", {}), found["machine"]
    loads = ", ".join(f"{name} {part['load_average_before']}" for name, part in sorted(parts.items()))
    text = (
        f"\n## The review room\n\n`make bench-review`, on {machine['cores']} cores ({machine['processor']}); load of "
        f"the machine before each part: {loads}. All spectra are simulated.\n\n| what | measured |\n|---|---|\n"
    )
    for name, words in _FIGURES.items():
        if name in found:
            text += f"| {words} | {found[name]:,} |\n"
    load = found.get("load")
    if load:
        text += (
            f"\n{load['n_reviewers']} reviewers, {load['think_s']} s to think each: {load['requests_per_s']} requests "
            f"a second, {load['n_verdicts']} verdicts in {load['seconds']:.0f} s, {load['n_lost']} of them lost. 95th "
            f"percentiles by kind of request [ms]: {', '.join(f'{kind} {ms}' for kind, ms in load['p95_ms'].items())}."
            "\n"
        )
    return text


_FIGURES = {
    "page_flip_ms_p50": "from one spectrum to the next in Chromium, median [ms]",
    "page_flip_ms_p95": "the same, 95th percentile [ms]",
    "map_open_s": "the map of 1.6 million objects opens [s]",
    "lasso_ms": "a lasso on it [ms]",
    "next_ms": "the next objects of a queue of 1.6 million, 95th percentile [ms]",
    "refresh_s": "a ranking of 1.6 million objects from verdicts [s]",
    "looks_100": "interesting objects among the first 100 looks, learned",
    "plain_100": "the same, by plain score",
    "looks_200": "interesting objects among the first 200 looks, learned",
    "plain_200": "the same, by plain score",
    "load_p50_ms": "a request while fifty people review, median [ms]",
    "load_p95_ms": "the same, 95th percentile [ms]",
    "load_p99_ms": "the same, 99th percentile [ms]",
    "load_errors": "requests of theirs that went wrong",
}
